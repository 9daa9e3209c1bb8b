//! The workloads, the same for every contender.

use std::{
    cell::Cell,
    collections::VecDeque,
    hint::black_box,
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    time::{Duration, Instant},
};

use crate::contenders::Contender;

#[repr(align(128))]
struct Shard(AtomicU64);

/// Ended jobs, by thread: the benchmark adds no line that threads share.
static ENDED: [Shard; 256] = [const { Shard(AtomicU64::new(0)) }; 256];
static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static SHARD: Cell<usize> = const { Cell::new(usize::MAX) };
}

fn end() {
    let mut shard = SHARD.get();
    if shard == usize::MAX {
        shard = THREADS.fetch_add(1, Relaxed) % ENDED.len();
        SHARD.set(shard);
    }
    // Threads of past rounds are gone, so a shard has one writer unless 256 live at once.
    let count = &ENDED[shard].0;
    count.store(count.load(Relaxed) + 1, Relaxed);
}

fn ended() -> u64 {
    ENDED.iter().map(|shard| shard.0.load(Relaxed)).sum()
}

fn wait_for(jobs: u64) {
    while ended() < jobs {
        std::thread::yield_now();
    }
}

/// Twelve dependent multiply-adds by numbers the compiler does not know: 20 ns.
fn work(seed: u64, a: u64, b: u64) -> u64 {
    (0..12).fold(seed, |x, _| x.wrapping_mul(a).wrapping_add(b))
}

/// The job of W1 to W4 and W8: 24 bytes of capture.
fn job(seed: u64) -> impl FnOnce() + Send + 'static {
    let (a, b) = (seed ^ 1, seed ^ 2);
    move || {
        black_box(work(seed, a, b));
        end();
    }
}

/// What the process has used so far.
fn usage() -> libc::rusage {
    // SAFETY: an all-zero `rusage` is valid, and the call fills it.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    }
}

/// Process CPU time, user and system.
pub fn cpu() -> Duration {
    let usage = usage();
    let time = |t: libc::timeval| Duration::new(t.tv_sec as u64, t.tv_usec as u32 * 1000);
    time(usage.ru_utime) + time(usage.ru_stime)
}

/// Million jobs a second, CPU nanoseconds a job, and how often in a thousand jobs a thread went to
/// sleep, or lost its core (a hog's threads included).
#[derive(Clone, Copy)]
pub struct Flood {
    pub rate: f64,
    pub cpu: f64,
    pub slept: f64,
    pub preempted: f64,
}

/// Feeds `jobs` after a quarter as many that do not count: a flood begins on one core, and it takes the
/// system some milliseconds to spread its threads, longer than fast pools need for the whole.
fn flood<C>(make: impl Fn() -> C, jobs: u64, feed: impl Fn(&C, u64)) -> Flood {
    let pool = make();
    let before = ended();
    let warm_up = jobs / 4 / 64 * 64;
    feed(&pool, warm_up);
    wait_for(before + warm_up);
    let (switches, used, start) = (usage(), cpu(), Instant::now());
    feed(&pool, jobs);
    wait_for(before + warm_up + jobs);
    let (elapsed, used, switched) = (start.elapsed(), cpu() - used, usage());
    drop(pool);
    let per_thousand = |before, after| (after - before) as f64 / jobs as f64 * 1000.0;
    Flood {
        rate: jobs as f64 / elapsed.as_secs_f64() / 1e6,
        cpu: used.as_nanos() as f64 / jobs as f64,
        slept: per_thousand(switches.ru_nvcsw, switched.ru_nvcsw),
        preempted: per_thousand(switches.ru_nivcsw, switched.ru_nivcsw),
    }
}

pub fn w1<C: Contender>(make: impl Fn() -> C, jobs: u64) -> Flood {
    flood(make, jobs, |pool, jobs| (0..jobs).for_each(|n| pool.detach(job(n))))
}

pub fn w2<C: Contender>(make: impl Fn() -> C, jobs: u64) -> Flood {
    flood(make, jobs, |pool, jobs| {
        let mut window = VecDeque::with_capacity(1024);
        for seed in 0..jobs {
            if window.len() == 1024 {
                black_box(window.pop_front().map(crate::contenders::Waiting::wait));
            }
            let (a, b) = (seed ^ 1, seed ^ 2);
            window.push_back(pool.submit(move || {
                let value = work(seed, a, b);
                end();
                value
            }));
        }
        window.into_iter().for_each(|waiting| {
            black_box(waiting.wait());
        });
    })
}

pub fn w3<C: Contender>(make: impl Fn() -> C, jobs: u64) -> Flood {
    flood(make, jobs / 4 * 4, |pool, jobs| {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..jobs / 4).for_each(|n| pool.detach(job(n))));
            }
        });
    })
}

pub fn w8<C: Contender>(make: impl Fn() -> C, jobs: u64) -> Flood {
    flood(make, jobs / 64 * 64, |pool, jobs| {
        (0..jobs / 64).for_each(|batch| pool.batch((0..64).map(|n| job(batch * 64 + n))));
    })
}

/// W1 over 64 keys.
pub fn keyed<C: Contender>(make: impl Fn() -> C, jobs: u64) -> Flood {
    flood(make, jobs, |pool, jobs| (0..jobs).for_each(|n| pool.keyed(n % 64, job(n))))
}

/// W1 over keys that never come again.
pub fn keyed_fresh<C: Contender>(make: impl Fn() -> C, jobs: u64) -> Flood {
    flood(make, jobs, |pool, jobs| (0..jobs).for_each(|n| pool.keyed(n, job(n))))
}

/// A percentile of nanoseconds, in microseconds.
pub fn percentile(samples: &mut [u64], q: f64) -> f64 {
    samples.sort_unstable();
    let rank = ((samples.len() as f64 * q).ceil() as usize).clamp(1, samples.len());
    samples[rank - 1] as f64 / 1000.0
}

/// Lets the scheduler forget the flood before: what it remembers of a thread's load, for some tens
/// of milliseconds, decides on which core its partner is woken.
fn settle() {
    std::thread::sleep(Duration::from_millis(100));
}

fn pause_until(until: Instant) {
    std::thread::sleep(until.saturating_duration_since(Instant::now()));
}

/// W5: microseconds from submit to result, after a pause in which everybody went to sleep.
pub fn w5<C: Contender>(make: impl Fn() -> C, trips: usize) -> Vec<u64> {
    let pool = make();
    settle();
    let trip = |_| {
        std::thread::sleep(Duration::from_micros(300));
        let start = Instant::now();
        black_box(pool.submit(|| work(black_box(1), 3, 5)).wait());
        start.elapsed().as_nanos() as u64
    };
    (0..trips).map(trip).collect()
}

/// What pacing shows: how long `submit` took, how long until the job started, CPU a job.
pub struct Paced {
    pub submit: Vec<u64>,
    pub start: Vec<u64>,
    pub cpu: f64,
    pub switches: f64,
}

/// W6 and W7: jobs at a fixed rate, by absolute sleep.
pub fn paced<C: Contender>(make: impl Fn() -> C, jobs: usize, period: Duration) -> Paced {
    static STARTED: [AtomicU64; 8192] = [const { AtomicU64::new(0) }; 8192];
    let pool = make();
    settle();
    let origin = Instant::now();
    let (used, switched, before) = (cpu(), usage().ru_nvcsw, ended());
    let mut submit = Vec::with_capacity(jobs);
    let mut submitted = Vec::with_capacity(jobs);
    for number in 0..jobs {
        pause_until(origin + period * number as u32);
        let from = origin.elapsed();
        pool.detach(move || {
            STARTED[number % 8192].store(origin.elapsed().as_nanos() as u64, Relaxed);
            black_box(work(number as u64, 3, 5));
            end();
        });
        submit.push((origin.elapsed() - from).as_nanos() as u64);
        submitted.push(from.as_nanos() as u64);
    }
    wait_for(before + jobs as u64);
    let cpu = (cpu() - used).as_nanos() as f64 / jobs as f64 / 1000.0;
    let switches = (usage().ru_nvcsw - switched) as f64 / jobs as f64;
    let started = submitted.iter().zip(&STARTED);
    let start = started.map(|(from, to)| to.load(Relaxed).saturating_sub(*from)).collect();
    Paced { submit, start, cpu, switches }
}

/// W9: how long a critical probe waits to start while another thread floods jobs of 2 µs.
pub fn w9<C: Contender>(make: impl Fn() -> C, probes: usize) -> Vec<u64> {
    static STARTED: AtomicU64 = AtomicU64::new(0);
    let (pool, stop) = (make(), AtomicBool::new(false));
    let origin = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut sent, before) = (0_u64, ended());
            while !stop.load(Relaxed) {
                (0..256).for_each(|_| {
                    pool.detach(|| {
                        let from = Instant::now();
                        while from.elapsed() < Duration::from_micros(2) {
                            std::hint::spin_loop();
                        }
                        end();
                    });
                });
                sent += 256;
                // Unbounded queues would otherwise grow for as long as the test lasts.
                while sent.saturating_sub(ended() - before) > 1 << 13 {
                    std::thread::yield_now();
                }
            }
        });
        let mut waits = Vec::with_capacity(probes);
        for number in 0..probes {
            pause_until(origin + Duration::from_millis(number as u64 + 1));
            STARTED.store(0, Relaxed);
            let from = origin.elapsed().as_nanos() as u64;
            pool.critical(move || STARTED.store(origin.elapsed().as_nanos() as u64, Relaxed));
            while STARTED.load(Relaxed) == 0 {
                std::thread::sleep(Duration::from_micros(20));
            }
            waits.push(STARTED.load(Relaxed) - from);
        }
        stop.store(true, Relaxed);
        waits
    })
}
