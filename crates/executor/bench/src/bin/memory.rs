//! Resident memory for each worker and for each queued job.

use executor::Executor;

fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0
}

fn pool(workers: usize, capacity: usize) -> Executor {
    let builder = Executor::builder().workers(workers.try_into().unwrap()).compensation(0);
    builder.capacity(capacity.try_into().unwrap()).build().unwrap()
}

/// Every worker has run some jobs.
fn exercised(workers: usize) -> Executor {
    let pool = pool(workers, 4096);
    (0..100_000).for_each(|_| pool.submitter().detach(|| ()).unwrap());
    std::thread::sleep(std::time::Duration::from_millis(200));
    pool
}

fn main() {
    let one = exercised(1);
    let before = resident();
    let many = exercised(17);
    println!(
        "a pool of 17 workers: {:.0} KiB, or {:.1} KiB a worker",
        (resident() - before) / 1024.0,
        (resident() - before) / 1024.0 / 17.0
    );
    drop((one, many));

    let jobs = 1_000_000;
    let pool = pool(1, jobs);
    let (release, held) = std::sync::mpsc::channel::<()>();
    pool.submitter()
        .detach(move || {
            let _ = held.recv();
        })
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(50));
    let before = resident();
    (0..jobs).for_each(|n| {
        pool.submitter()
            .detach(move || {
                std::hint::black_box([n; 5]);
            })
            .unwrap()
    });
    println!("a queued job: {:.1} bytes", (resident() - before) / jobs as f64);
    drop(release);
}
