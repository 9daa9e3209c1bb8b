//! Three classes within one budget.

use std::collections::BTreeMap;

use domain::StreamClass::{self, High, Low, Normal};
use proptest::{collection::vec, prelude::*};

use super::{
    crashing_disk::{Call, Choices},
    *,
};

/// One folder of several on the same disk.
struct SubFolder {
    disk: CrashingDisk,
    prefix: String,
}

impl SubFolder {
    fn of(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

impl Disk for SubFolder {
    fn list(&self) -> io::Result<Vec<String>> {
        let names = self.disk.list()?;
        Ok(names.iter().filter_map(|n| Some(n.strip_prefix(&self.prefix)?.to_owned())).collect())
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn disk::DiskFile>> {
        self.disk.open(&self.of(name))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn disk::DiskFile>> {
        self.disk.create(&self.of(name))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(&self.of(name))
    }

    fn free(&self) -> io::Result<u64> {
        self.disk.free()
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.sync()
    }
}

const BUDGET: Options = Options { bytes_max: 24 * 1024, ..SMALL };

fn prefix(class: StreamClass) -> String {
    format!("{}/", class.name())
}

fn open_classes(disk: &CrashingDisk, options: Options, when_full: [WhenFull; 3]) -> ClassedSpools {
    let each = Options { retain: u64::MAX, ..options };
    let open = StreamClass::ALL.map(|class| {
        let disk = disk.clone();
        Box::new(move || {
            let folder = SubFolder { disk: disk.clone(), prefix: prefix(class) };
            FileSpool::open_on(Arc::new(folder), each, BOOT)
        }) as Box<late::Open>
    });
    let names = disk.list().unwrap();
    let used = StreamClass::ALL
        .map(|class| class == Normal || names.iter().any(|name| name.starts_with(&prefix(class))));
    ClassedSpools::open_by(open, used, options.retain, when_full).unwrap()
}

fn evicting(disk: &CrashingDisk, options: Options) -> ClassedSpools {
    open_classes(disk, options, [WhenFull::Evict; 3])
}

fn segments(disk: &CrashingDisk, class: StreamClass) -> usize {
    let names = disk.list().unwrap();
    let of_class =
        names.iter().filter_map(|name| name.strip_prefix(&prefix(class)).map(str::to_owned));
    of_class.filter(|name| segment::first_of(name).is_some()).count()
}

/// Everything that waits.
fn left(spool: &ClassSpool) -> Vec<Sample> {
    spool.backlog(spool.cursor(), usize::MAX).unwrap().samples
}

fn fill(spool: &ClassSpool, stream: u8, count: u64) -> u64 {
    (0..count).map(|n| spool.append(&[reading(stream, n)]).unwrap().refused).sum()
}

struct OneOf(tempfile::TempDir, StreamClass);

impl Reopen for OneOf {
    type Spool = ClassSpool;

    fn reopen(&mut self) -> ClassSpool {
        let options = Options { bytes_max: 1 << 20, retain: 1 << 18, ..SMALL };
        let folder = self.0.path().join("spool");
        ClassedSpools::open(folder, options, [WhenFull::Evict; 3], BOOT).unwrap().of(self.1)
    }
}

#[test]
fn the_spool_of_each_class_keeps_the_contract_of_the_port() {
    for class in StreamClass::ALL {
        holds(|| OneOf(tempfile::tempdir().unwrap(), class));
    }
}

#[test]
fn a_class_that_is_not_used_costs_nothing_and_an_older_spool_is_the_class_normal() {
    let folder = tempfile::tempdir().unwrap();
    append(&FileSpool::open(folder.path(), SMALL, BOOT).unwrap(), &[reading(0, 0)]);
    let names = || {
        let names = std::fs::read_dir(folder.path()).unwrap();
        names.map(|entry| entry.unwrap().file_name()).collect::<std::collections::BTreeSet<_>>()
    };
    let before = names();
    let spools = ClassedSpools::open(folder.path(), SMALL, [WhenFull::Evict; 3], BOOT).unwrap();
    for spool in spools.all() {
        spool.sync().unwrap();
    }
    assert_eq!((names(), left(&spools.of(Normal)).len()), (before, 1));
    fill(&spools.of(High), 1, 1);
    assert!(folder.path().join("high").is_dir() && !folder.path().join("low").exists());
    drop(spools);
    let spools = ClassedSpools::open(folder.path(), SMALL, [WhenFull::Evict; 3], BOOT).unwrap();
    assert_eq!(left(&spools.of(High)).len(), 1, "it is opened with the others");
}

#[test]
fn the_lowest_class_goes_first_and_never_for_a_lower_one() {
    let disk = CrashingDisk::default();
    let spools = evicting(&disk, BUDGET);
    let [high, normal, low] = StreamClass::ALL.map(|class| spools.of(class));
    fill(&low, 2, 150);
    fill(&normal, 1, 150);
    assert!(low.count().evicted == 0 && normal.count().evicted == 0);
    fill(&high, 0, 150);
    assert!(low.count().evicted > 0);
    assert_eq!(normal.count().evicted, 0, "there was room in the lowest class");
    fill(&high, 0, 600);
    assert_eq!((segments(&disk, Low), segments(&disk, Normal)), (1, 1), "all but the newest");
    assert!(high.count().evicted > 0 && normal.count().evicted > 0);
    let evicted = [&high, &normal].map(|spool| spool.count().evicted);
    let own = low.count().evicted;
    fill(&low, 2, 200);
    assert_eq!([&high, &normal].map(|spool| spool.count().evicted), evicted);
    assert!(low.count().evicted > own, "the lowest has only what it had");
}

#[test]
fn what_is_acknowledged_in_any_class_goes_before_anything_that_waits() {
    let disk = CrashingDisk::default();
    let spools = evicting(&disk, Options { retain: 16 * 1024, ..BUDGET });
    let [high, normal, low] = StreamClass::ALL.map(|class| spools.of(class));
    fill(&high, 0, 100);
    high.acknowledge(high.end()).unwrap();
    fill(&normal, 1, 30);
    assert!(high.count().retained > 2_000);
    while high.count().retained > 0 {
        assert_eq!(fill(&low, 2, 1), 0);
        assert_eq!((low.count().evicted, normal.count().evicted), (0, 0));
    }
}

#[test]
fn a_class_that_refuses_keeps_its_oldest_and_holds_nobody_up() {
    let disk = CrashingDisk::default();
    let spools = open_classes(&disk, BUDGET, [WhenFull::Evict, WhenFull::Refuse, WhenFull::Evict]);
    let [high, normal, _] = StreamClass::ALL.map(|class| spools.of(class));
    let refused = fill(&normal, 1, 1_500);
    let count = normal.count();
    assert!(refused > 0 && count.refused == refused && count.evicted == 0);
    assert_eq!(count.appended + refused, 1_500, "no number was used up");
    assert_eq!(left(&normal)[0].seq, SequenceNumber::FIRST);
    assert_eq!(fill(&high, 0, 5), 0, "a higher class takes from it");
    assert!(normal.count().evicted > 0);
}

#[test]
fn a_folder_that_fails_holds_no_other_class_up() {
    let disk = CrashingDisk::default();
    let bad = CrashingDisk::default();
    let each = Options { retain: u64::MAX, ..BUDGET };
    let open = [disk.clone(), bad.clone(), disk.clone()];
    let open = StreamClass::ALL.map(|class| {
        let disk = open[class.index()].clone();
        Box::new(move || {
            let folder = SubFolder { disk: disk.clone(), prefix: prefix(class) };
            FileSpool::open_on(Arc::new(folder), each, BOOT)
        }) as Box<late::Open>
    });
    let spools = ClassedSpools::open_by(open, [true; 3], 0, [WhenFull::Evict; 3]).unwrap();
    let [high, normal, low] = StreamClass::ALL.map(|class| spools.of(class));
    fill(&normal, 1, 300);
    for call in [Call::Write, Call::Sync] {
        bad.fail(call, true);
    }
    assert!(matches!(normal.append(&[reading(1, 0)]), Err(SpoolError::Access(_))));
    assert_eq!(fill(&high, 0, 400), 0);
    assert!(high.count().appended == 400 && low.append(&[reading(2, 0)]).is_ok());
    high.acknowledge(high.end()).unwrap();
    for spool in [high, low] {
        spool.sync().unwrap();
    }
}

#[test]
fn on_a_disk_that_others_filled_the_lowest_class_makes_room_for_the_highest() {
    for free_min in [0, 2_000] {
        let disk = CrashingDisk::default();
        let spools = evicting(&disk, Options { free_min, bytes_max: 1 << 20, ..SMALL });
        let [high, normal, low] = StreamClass::ALL.map(|class| spools.of(class));
        fill(&low, 2, 100);
        fill(&normal, 1, 100);
        fill(&high, 0, 1);
        disk.set_room(Some(0));
        fill(&high, 0, 30);
        assert!(low.count().evicted > 0);
        assert_eq!(normal.count().evicted, 0);
        assert_eq!(left(&high).len(), 31);
    }
}

#[test]
fn on_a_full_disk_the_oldest_of_a_class_go_for_its_own_once_no_lower_class_has_any() {
    let disk = CrashingDisk::default();
    let spools = evicting(&disk, Options { bytes_max: 1 << 20, ..SMALL });
    let [high, normal, low] = StreamClass::ALL.map(|class| spools.of(class));
    fill(&low, 2, 100);
    fill(&high, 0, 100);
    disk.set_room(Some(0));
    fill(&high, 0, 500);
    assert_eq!((segments(&disk, Low), high.count().evicted > 0), (1, true));
    let kept = left(&high);
    assert_eq!(kept.last().unwrap().seq, SequenceNumber(600));
    assert_eq!(kept.len() as u64 + high.count().evicted, 600);
    let before = high.count().evicted;
    let stored = (0..300).filter(|&n| normal.append(&[reading(1, n)]).is_ok()).count();
    assert!(stored < 300, "there is no room for that many");
    assert_eq!((high.count().evicted, left(&high).len()), (before, kept.len()));
}

#[test]
fn on_a_full_disk_a_class_that_refuses_takes_from_a_lower_one_and_then_refuses() {
    let disk = CrashingDisk::default();
    let options = Options { bytes_max: 1 << 20, ..SMALL };
    let spools = open_classes(&disk, options, [WhenFull::Refuse; 3]);
    let [high, _, low] = StreamClass::ALL.map(|class| spools.of(class));
    fill(&low, 2, 100);
    fill(&high, 0, 100);
    disk.set_room(Some(0));
    let refused = fill(&high, 0, 500);
    assert!(segments(&disk, Low) == 1 && low.count().evicted > 0);
    assert!(refused > 0 && high.count().evicted == 0);
    assert_eq!(left(&high).len() as u64, 600 - refused);
}

#[test]
fn nothing_of_a_lower_class_goes_in_vain() {
    let disk = CrashingDisk::default();
    fill(&evicting(&disk, SMALL).of(Low), 2, 100);
    let spools = evicting(&disk, Options { free_min: 100_000, ..SMALL });
    disk.set_room(Some(1_000));
    for n in 0..3 {
        let appended = spools.of(Normal).append(&[reading(0, n)]);
        assert!(matches!(appended, Err(SpoolError::Full(_))));
    }
    assert_eq!((left(&spools.of(Low)).len(), spools.of(Low).count().evicted), (100, 0));
}

#[test]
fn a_disk_that_is_full_at_the_start_is_waited_for() {
    let disk = CrashingDisk::default();
    disk.set_room(Some(3));
    let spools = evicting(&disk, SMALL);
    for class in StreamClass::ALL {
        assert!(matches!(spools.of(class).append(&[reading(0, 0)]), Err(SpoolError::Full(_))));
        assert_eq!(spools.of(class).waiting(), []);
    }
    assert!(!spools.is_open());
    disk.set_room(None);
    fill(&spools.of(Normal), 0, 1);
    fill(&spools.of(High), 1, 1);
    assert!(spools.is_open());
}

#[test]
fn a_stream_that_changes_its_class_goes_on_with_its_numbers() {
    let disk = CrashingDisk::default();
    let mut expected = SequenceNumber::FIRST;
    for class in [Normal, Low, High, Low, Normal, High, Normal] {
        let spools = evicting(&disk, SMALL);
        let spool = spools.of(class);
        for n in 0..3 {
            fill(&spool, 0, 1);
            let newest = left(&spool).pop().unwrap();
            assert_eq!(newest.seq, expected, "{class:?}, {n}");
            expected = expected.next();
        }
        let heads = spools.all().map(|spool| spool.heads());
        let head = heads.iter().flatten().map(|(_, head)| *head).max().unwrap();
        assert_eq!(head.next(), expected);
    }
}

#[test]
fn one_thread_appends_and_makes_room_while_another_delivers() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { retain: 4_096, ..BUDGET };
    let spools = ClassedSpools::open(folder.path(), options, [WhenFull::Evict; 3], BOOT).unwrap();
    let mut refused = [0; 3];
    std::thread::scope(|scope| {
        let appending = scope.spawn(|| {
            for n in 0..3_000 {
                let class = StreamClass::ALL[usize::try_from(n % 3).unwrap()];
                let readings = [reading(u8::try_from(n % 3).unwrap(), n)];
                refused[class.index()] += spools.of(class).append(&readings).unwrap().refused;
            }
        });
        let mut is_last = false;
        while !is_last {
            is_last = appending.is_finished();
            for spool in StreamClass::ALL.map(|class| spools.of(class)) {
                let run = spool.backlog(spool.cursor(), 50).unwrap();
                let begin = Position(run.next.0 - run.samples.len() as u64);
                spool.acknowledge_ahead(begin..run.next).unwrap();
                spool.sync().unwrap();
            }
        }
    });
    // A lower class may find all of the room taken by higher ones.
    assert_eq!(refused[StreamClass::High.index()], 0);
    for class in StreamClass::ALL {
        let spool = spools.of(class);
        spool.acknowledge(spool.end()).unwrap();
        let count = spool.count();
        assert_eq!(count.appended + refused[class.index()], 1_000);
        assert_eq!(count.acknowledged + count.evicted, count.appended);
    }
}

#[test]
fn no_number_is_there_twice_after_a_power_cut_and_a_change_of_class() {
    for seed in 0..100 {
        let disk = CrashingDisk::default();
        let (mut choices, mut n) = (Choices::new(seed + 1), 0);
        for _ in 0..12 {
            let spools = evicting(&disk, BUDGET);
            let shift = choices.below(3);
            for _ in 0..choices.below(8) {
                let stream = choices.below(4);
                let class = StreamClass::ALL[(stream + shift) % 3];
                let readings = [reading(u8::try_from(stream).unwrap(), n)];
                assert_eq!(spools.of(class).append(&readings).unwrap().evicted, 0);
                n += 1;
                if choices.below(3) == 0 {
                    spools.of(class).sync().unwrap();
                }
            }
            let all = StreamClass::ALL.into_iter().flat_map(|class| left(&spools.of(class)));
            let mut numbers: Vec<_> = all.map(|sample| (sample.stream.name, sample.seq)).collect();
            let count = numbers.len();
            numbers.sort();
            numbers.dedup();
            assert_eq!(numbers.len(), count, "seed {seed}");
            drop(spools);
            if choices.below(3) == 0 {
                disk.cut_power(seed);
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// One reading of each of these streams, in the class that each is in.
    Append(Vec<u8>),
    /// In this class, so many.
    Acknowledge(StreamClass, usize),
    Sync,
    /// The process ends; afterwards each stream is in another class.
    Reopen(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let class = proptest::sample::select(StreamClass::ALL.to_vec());
    prop_oneof![
        20 => vec(0_u8..4, 1..30).prop_map(Step::Append),
        3 => (class, 0_usize..200).prop_map(|(class, count)| Step::Acknowledge(class, count)),
        1 => Just(Step::Sync),
        1 => any::<u8>().prop_map(Step::Reopen),
    ]
}

/// The spools and what they ought to be.
struct Twin {
    disk: CrashingDisk,
    options: Options,
    when_full: [WhenFull; 3],
    spools: Option<ClassedSpools>,
    shift: u8,
    /// By class and position.
    history: [Vec<Sample>; 3],
    cursors: [usize; 3],
    numbers: BTreeMap<StreamName, SequenceNumber>,
    readings: u64,
}

impl Twin {
    fn of(&self, class: StreamClass) -> ClassSpool {
        self.spools.as_ref().unwrap().of(class)
    }

    fn play(&mut self, step: Step) {
        match step {
            Step::Append(streams) => {
                for class in StreamClass::ALL {
                    let of_class =
                        |stream: &&u8| usize::from(**stream + self.shift) % 3 == class.index();
                    let streams: Vec<_> = streams.iter().filter(of_class).copied().collect();
                    self.append(class, &streams);
                }
            }
            Step::Acknowledge(class, count) => {
                let upto =
                    (self.cursors[class.index()] + count).min(self.history[class.index()].len());
                self.of(class).acknowledge(Position(upto as u64)).unwrap();
                self.cursors[class.index()] = upto;
                let retained: u64 = self.counts().iter().map(|count| count.retained).sum();
                assert!(retained <= self.options.retain);
            }
            Step::Sync => {
                for class in StreamClass::ALL {
                    self.of(class).sync().unwrap();
                }
            }
            Step::Reopen(shift) => {
                self.spools = None;
                self.shift = shift % 3;
                self.spools = Some(open_classes(&self.disk, self.options, self.when_full));
                self.check();
            }
        }
        self.check_counts();
    }

    fn counts(&self) -> [SpoolCount; 3] {
        StreamClass::ALL.map(|class| self.of(class).count())
    }

    fn append(&mut self, class: StreamClass, streams: &[u8]) {
        let readings: Vec<_> =
            (self.readings..).zip(streams).map(|(n, &stream)| reading(stream, n)).collect();
        self.readings += readings.len() as u64;
        let before = self.counts();
        let appended = self.of(class).append(&readings).unwrap();
        let after = self.counts();
        if appended.refused == 0 {
            for StreamReading { stream, reading } in readings {
                let number = self.numbers.entry(stream.name.clone()).or_insert(SequenceNumber(0));
                *number = number.next();
                let sample = Sample { stream, boot: BOOT, seq: *number, reading };
                self.history[class.index()].push(sample);
            }
        } else {
            assert_eq!(appended.refused, streams.len() as u64);
            assert_eq!(after[class.index()].appended, before[class.index()].appended);
        }
        assert_eq!(appended.evicted, after[class.index()].evicted - before[class.index()].evicted);
        let evicted =
            StreamClass::ALL.map(|c| after[c.index()].evicted - before[c.index()].evicted);
        self.check_order(class, evicted, &after);
        for class in StreamClass::ALL {
            self.cursors[class.index()] += usize::try_from(evicted[class.index()]).unwrap();
        }
    }

    /// Who lost samples for an append to `class`, and rightly.
    fn check_order(&self, class: StreamClass, evicted: [u64; 3], after: &[SpoolCount; 3]) {
        for other in StreamClass::ALL.into_iter().filter(|other| evicted[other.index()] > 0) {
            assert!(other >= class, "{other:?} made room for {class:?}");
            assert!(other != class || self.when_full[class.index()] == WhenFull::Evict);
            assert!(
                after.iter().all(|count| count.retained == 0),
                "what nobody waits for goes first"
            );
            let lower = StreamClass::ALL.into_iter().filter(|lower| *lower > other);
            for lower in lower {
                assert!(segments(&self.disk, lower) <= 1, "{lower:?} goes before {other:?}");
            }
        }
    }

    fn check_counts(&self) {
        let counts = self.counts();
        for (class, count) in StreamClass::ALL.into_iter().zip(counts) {
            let waiting = (self.history[class.index()].len() - self.cursors[class.index()]) as u64;
            assert_eq!(count.appended, count.acknowledged + count.evicted + count.lost + waiting);
            assert_eq!(self.of(class).cursor().0, self.cursors[class.index()] as u64);
        }
        let bytes: u64 = counts.iter().map(|count| count.bytes).sum();
        assert!(
            bytes <= self.options.bytes_max + 256,
            "{bytes}: a new segment's header may be over"
        );
    }

    fn check(&self) {
        for class in StreamClass::ALL {
            let cursor = self.cursors[class.index()];
            assert_eq!(left(&self.of(class)), self.history[class.index()][cursor..]);
        }
        let mut heads = BTreeMap::new();
        for (name, head) in StreamClass::ALL.into_iter().flat_map(|class| self.of(class).heads()) {
            let known = heads.entry(name).or_insert(head);
            *known = head.max(*known);
        }
        assert_eq!(heads, self.numbers);
    }
}

fn policies() -> impl Strategy<Value = [WhenFull; 3]> {
    let policy = || prop_oneof![3 => Just(WhenFull::Evict), 1 => Just(WhenFull::Refuse)];
    [policy(), policy(), policy()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(super::model::cases()))]

    #[test]
    fn three_classes_are_their_model(
        steps in vec(step(), 0..150),
        when_full in policies(),
        retain in prop_oneof![Just(0), 0_u64..8_192],
    ) {
        let disk = CrashingDisk::default();
        let options = Options { retain, ..BUDGET };
        let spools = Some(open_classes(&disk, options, when_full));
        let (history, cursors) = Default::default();
        let mut twin = Twin {
            disk, options, when_full, spools, shift: 0,
            history, cursors, numbers: BTreeMap::new(), readings: 0,
        };
        for step in steps {
            twin.play(step);
        }
        twin.play(Step::Reopen(0));
    }
}
