//! Random histories against a dull model: a list of what was appended, by position.

use core::ops::Range;
use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*};

use super::{
    crashing_disk::{Call, Choices},
    *,
};

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<u8>),
    Acknowledge(usize),
    /// From so far beyond the cursor on, so many.
    AcknowledgeAhead(usize, usize),
    Read(usize, usize),
    /// Of one stream: so many numbers from this one on, at most so many samples.
    Replay(u8, (u64, u64), usize),
    Sync,
    /// The process is killed, or ends: the spool does nothing on the way out.
    Reopen,
    CutPower(u64),
    /// The newest segment ends at any byte of its records.
    TearTail(usize),
    /// One bit of one file changes.
    FlipBit(u64),
    /// So many more bytes fit on the disk.
    Room(Option<usize>),
    /// A step during which the medium fails.
    Eio(Call, Box<Step>),
}

fn basic() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => vec(0_u8..5, 0..12).prop_map(Step::Append),
        3 => any::<usize>().prop_map(Step::Acknowledge),
        4 => (any::<usize>(), 1_usize..30)
            .prop_map(|(from, count)| Step::AcknowledgeAhead(from, count)),
        2 => (any::<usize>(), 0_usize..40).prop_map(|(from, limit)| Step::Read(from, limit)),
        2 => Just(Step::Sync),
    ]
}

fn harmless() -> impl Strategy<Value = Step> {
    let fault = prop_oneof![Just(Call::Read), Just(Call::Write), Just(Call::Sync)];
    prop_oneof![
        21 => basic(),
        2 => (0_u8..5, (0_u64..300, 0_u64..60), 0_usize..40)
            .prop_map(|(stream, numbers, limit)| Step::Replay(stream, numbers, limit)),
        1 => Just(Step::Reopen),
        1 => proptest::option::of(0_usize..600).prop_map(Step::Room),
        1 => (fault, basic()).prop_map(|(fault, step)| Step::Eio(fault, Box::new(step))),
    ]
}

fn harmful() -> impl Strategy<Value = Step> {
    prop_oneof![
        any::<u64>().prop_map(Step::CutPower),
        any::<usize>().prop_map(Step::TearTail),
        any::<u64>().prop_map(Step::FlipBit),
    ]
}

/// The spool and what it ought to be.
struct Twin {
    disk: CrashingDisk,
    options: Options,
    spool: Option<FileSpool>,
    /// What was appended, by position; nothing where samples were lost.
    history: Vec<Option<Sample>>,
    /// The same without the losses: a second flip of the same bit brings a record back.
    appended: Vec<Sample>,
    numbers: BTreeMap<StreamName, u64>,
    cursor: usize,
    /// What is acknowledged beyond it.
    ahead: BTreeSet<usize>,
    /// What was ever acknowledged or evicted. Damage may make the spool forget it, and the next damage remember:
    /// of the cursor's slots one may be broken, and be mended by a write that is torn.
    passed: BTreeSet<usize>,
    /// What fails now.
    fault: Option<Call>,
    /// The cursor could not be written: the next process finds an older one.
    is_unstored: bool,
    /// A sync failed, and none succeeded since.
    is_doubtful: bool,
    /// Everything before this position outlives a power cut.
    synced: usize,
    /// The numbers that outlive it.
    numbers_synced: BTreeMap<StreamName, u64>,
    readings: u64,
}

impl Twin {
    fn new(options: Options) -> Self {
        let disk = CrashingDisk::default();
        let spool = Some(open_with(&disk, options));
        Self {
            disk,
            options,
            spool,
            history: Vec::new(),
            appended: Vec::new(),
            numbers: BTreeMap::new(),
            cursor: 0,
            ahead: BTreeSet::new(),
            passed: BTreeSet::new(),
            fault: None,
            is_unstored: false,
            is_doubtful: false,
            synced: 0,
            numbers_synced: BTreeMap::new(),
            readings: 0,
        }
    }

    fn spool(&self) -> &FileSpool {
        self.spool.as_ref().unwrap()
    }

    fn play(&mut self, step: Step) {
        match step {
            Step::Append(streams) => self.append(&streams),
            Step::Acknowledge(choice) => {
                let upto = self.cursor + choice % (self.history.len() - self.cursor + 2);
                self.acknowledge(self.cursor..upto);
            }
            Step::AcknowledgeAhead(choice, count) => {
                let from = self.cursor + choice % (self.history.len() - self.cursor + 2);
                self.acknowledge(from..from + count);
            }
            Step::Read(choice, limit) => self.read(choice % (self.history.len() + 2), limit),
            Step::Replay(stream, (from, count), limit) => {
                let name = reading(stream, 0).stream.name;
                self.replay(&name, from..=from + count, limit);
            }
            Step::Sync => match self.spool().sync() {
                Ok(()) => self.is_synced(),
                Err(error) => self.excuse(&error),
            },
            Step::Reopen => {
                self.settle();
                self.reopen(|_| ());
                if self.is_unstored {
                    let lost = self.salvage();
                    assert!(lost.iter().all(|at| *at < self.cursor), "{lost:?}");
                }
                self.is_synced();
                self.check();
            }
            Step::CutPower(seed) => self.cut_power(seed),
            Step::TearTail(choice) => {
                self.settle();
                self.tear_tail(choice);
            }
            Step::FlipBit(seed) => {
                self.settle();
                self.flip_bit(seed);
            }
            Step::Room(bytes) => self.disk.set_room(bytes),
            Step::Eio(fault, step) => {
                self.disk.fail(fault, true);
                self.fault = Some(fault);
                self.is_doubtful |= fault == Call::Sync;
                self.play(*step);
                self.fault = None;
                self.disk.fail(fault, false);
                // The third in a row would be taken for damage.
                waiting(self.spool());
            }
        }
        let (spool, waiting) = (self.spool(), self.waiting().len());
        let count = spool.count();
        let gone = count.acknowledged + count.evicted + count.lost;
        assert_eq!(count.appended, gone + waiting as u64);
        assert!(count.bytes <= SMALL.bytes_max + 256, "a new segment's header may be over");
    }

    /// The next process does not know that a sync of this one failed.
    fn settle(&mut self) {
        if core::mem::take(&mut self.is_doubtful) {
            self.spool().sync().unwrap();
        }
    }

    /// Only a medium that fails is a reason to fail.
    fn excuse(&self, error: &SpoolError) {
        assert!(matches!(error, SpoolError::Access(_)) && self.fault.is_some(), "{error:?}");
    }

    /// The positions that are not acknowledged.
    fn waiting(&self) -> Vec<usize> {
        (self.cursor..self.history.len()).filter(|at| !self.ahead.contains(at)).collect()
    }

    /// Reads first what is acknowledged, as delivery does.
    fn acknowledge(&mut self, run: Range<usize>) {
        let run = run.start..run.end.min(self.history.len());
        if let Err(error) = self.read_all(&run) {
            return self.excuse(&error);
        }
        let waiting = self.waiting();
        let acknowledged = waiting.into_iter().filter(|at| run.contains(at));
        let lost = acknowledged.filter(|&at| self.history[at].is_none()).count() as u64;
        let (before, lost_before) = (self.cursor, self.spool().count().lost);
        let [start, end] = [run.start, run.end].map(|at| Position(at as u64));
        let acknowledged = if run.start == self.cursor {
            self.spool().acknowledge(end)
        } else {
            self.spool().acknowledge_ahead(start..end)
        };
        self.note_acknowledged(run);
        let count = self.spool().count();
        assert_eq!(count.lost, lost_before + lost);
        match acknowledged {
            Err(error) => {
                self.excuse(&error);
                self.is_unstored = true;
            }
            Ok(()) => assert!(self.cursor == before || count.retained <= self.options.retain),
        }
    }

    fn read_all(&self, run: &Range<usize>) -> Result<(), SpoolError> {
        let (mut from, end) = (Position(run.start as u64), Position(run.end as u64));
        while from < end {
            from = self.spool().backlog(from, 7)?.next;
        }
        Ok(())
    }

    /// The cursor passes what is acknowledged; of too many runs the lowest is forgotten.
    fn note_acknowledged(&mut self, run: Range<usize>) {
        self.ahead.extend(run);
        while self.ahead.remove(&self.cursor) {
            self.cursor += 1;
        }
        while self.begins().count() > ports::AHEAD_RUNS_MAX {
            let second = self.begins().nth(1).unwrap();
            self.ahead = self.ahead.split_off(&second);
        }
    }

    fn begins(&self) -> impl Iterator<Item = usize> + '_ {
        self.ahead.iter().copied().filter(|at| !self.ahead.contains(&(at - 1)))
    }

    fn is_synced(&mut self) {
        self.synced = self.history.len();
        self.numbers_synced.clone_from(&self.numbers);
    }

    fn append(&mut self, streams: &[u8]) {
        let readings: Vec<_> =
            (self.readings..).zip(streams).map(|(n, &stream)| reading(stream, n)).collect();
        let lost_before = self.spool().count().lost;
        let appended = self.spool().append(&readings);
        if let Ok(appended) = &appended {
            self.readings += readings.len() as u64;
            for StreamReading { stream, reading } in readings {
                let number = self.numbers.entry(stream.name.clone()).or_default();
                *number += 1;
                let seq = SequenceNumber(*number);
                let sample = Sample { stream, boot: BOOT, seq, reading };
                self.appended.push(sample.clone());
                self.history.push(Some(sample));
            }
            let cursor = usize::try_from(self.spool().cursor().0).unwrap();
            let lost = self.spool().count().lost - lost_before;
            let passed = self.waiting().into_iter().filter(|at| *at < cursor).count() as u64;
            assert_eq!(passed, appended.evicted + lost);
        } else if let Err(error) = &appended {
            assert!(matches!(error, SpoolError::Full(_) | SpoolError::Access(_)));
            assert!(matches!(error, SpoolError::Full(_)) || self.fault.is_some());
        }
        // An append that failed may have evicted, too.
        let cursor = usize::try_from(self.spool().cursor().0).unwrap();
        self.is_unstored |= self.fault.is_some() && cursor > self.cursor;
        self.cursor = cursor;
        self.ahead = self.ahead.split_off(&cursor);
        self.check_ends();
    }

    fn read(&self, from: usize, limit: usize) {
        let run = match self.spool().backlog(Position(from as u64), limit) {
            Ok(run) => run,
            Err(error) => return self.excuse(&error),
        };
        let from = from.clamp(self.cursor, self.history.len());
        let there = (from..).zip(&self.history[from..]);
        let expected: Vec<_> =
            there.filter_map(|(at, sample)| Some((at, sample.clone()?))).take(limit).collect();
        let next = match expected.last() {
            Some((at, _)) if expected.len() == limit => at + 1,
            _ if limit == 0 => from,
            _ => self.history.len(),
        };
        if self.fault == Some(Call::Read) {
            assert!(!run.samples.is_empty() || limit == 0 || expected.is_empty());
            let read = expected.iter().map(|(_, s)| s).take(run.samples.len());
            return assert!(run.samples.iter().eq(read), "what comes before the fault");
        }
        assert_eq!(run.samples, expected.iter().map(|(_, s)| s.clone()).collect::<Vec<_>>());
        // Reading may stop before a hole at the end or behind it.
        let last = expected.last().map_or(from, |(at, _)| at + 1);
        assert!((last..=next).contains(&usize::try_from(run.next.0).unwrap()));
    }

    /// What is retained or waits: positions from the oldest segment's first on.
    fn oldest(&self) -> usize {
        usize::try_from(segment::first_of(&self.disk.segments()[0]).unwrap()).unwrap()
    }

    fn replayed(
        &self,
        name: &StreamName,
        numbers: RangeInclusive<u64>,
        limit: usize,
    ) -> Vec<(Position, Sample)> {
        let numbers = SequenceNumber(*numbers.start())..=SequenceNumber(*numbers.end());
        self.spool().replay(name, Some(BOOT), numbers, limit).unwrap()
    }

    fn replay(&self, name: &StreamName, numbers: RangeInclusive<u64>, limit: usize) {
        let places = (0..).map(Position).zip(&self.history).skip(self.oldest());
        let there = places.filter_map(|(at, sample)| Some((at, sample.clone()?)));
        let there: Vec<_> = there.filter(|(_, sample)| sample.stream.name == *name).collect();
        if !there.is_sorted_by(|(_, a), (_, b)| a.seq < b.seq) {
            return; // A second flip brought a record back whose numbers were given out again.
        }
        let is_wanted = |(_, sample): &&(Position, Sample)| numbers.contains(&sample.seq.0);
        let expected: Vec<_> = there.iter().filter(is_wanted).take(limit).cloned().collect();
        assert_eq!(self.replayed(name, numbers.clone(), limit), expected);
    }

    fn reopen(&mut self, meanwhile: impl FnOnce(&CrashingDisk)) {
        self.spool = None;
        meanwhile(&self.disk);
        self.disk.set_room(None);
        self.spool = Some(open_with(&self.disk, self.options));
    }

    /// The spool is what the model is, sample by sample.
    fn check(&self) {
        self.check_ends();
        let heads = self.numbers.iter().map(|(name, seq)| (name.clone(), SequenceNumber(*seq)));
        assert_eq!(self.spool().heads(), heads.collect::<Vec<_>>());
        let expected: Vec<_> = self.history[self.cursor..].iter().flatten().cloned().collect();
        assert_eq!(waiting(self.spool()), expected);
        for name in self.numbers.keys() {
            self.replay(name, 0..=u64::MAX, usize::MAX);
        }
    }

    fn check_ends(&self) {
        assert_eq!(self.spool().cursor(), Position(self.cursor as u64));
        assert_eq!(self.spool().end(), Position(self.history.len() as u64));
        let waiting = self.spool().waiting().into_iter().flat_map(|run| run.start.0..run.end.0);
        assert!(waiting.eq(self.waiting().into_iter().map(|at| at as u64)));
    }

    /// Takes over what is left after damage. Gives the positions that were lost.
    ///
    /// Whatever happened: nothing that was not appended appears, nothing appears twice or in
    /// another order, and no number that can still be read is given out again.
    fn salvage(&mut self) -> Vec<usize> {
        let cursor = usize::try_from(self.spool().cursor().0).unwrap();
        let end = usize::try_from(self.spool().end().0).unwrap();
        let is_all_lost = cursor == end && self.oldest() == end;
        self.passed.extend((0..self.cursor).chain(self.ahead.iter().copied()));
        let mut ahead = self.cursor..cursor;
        assert!(ahead.all(|at| self.passed.contains(&at)) || is_all_lost, "the cursor ran ahead");
        assert!(cursor <= end && end <= self.history.len());
        let mut left = waiting(self.spool()).into_iter().peekable();
        let mut lost = self.salvage_retained(cursor);
        let truth = self.appended.iter();
        for (position, (place, truth)) in
            self.history.iter_mut().zip(truth).enumerate().skip(cursor)
        {
            if left.peek() == Some(truth) {
                *place = left.next();
            } else if place.take().is_some() {
                lost.push(position);
            }
        }
        assert_eq!(left.next(), None, "was never appended, or is out of order");
        self.history.truncate(end);
        self.appended.truncate(end);
        self.numbers = self.spool().heads().into_iter().map(|(name, seq)| (name, seq.0)).collect();
        for sample in self.history[self.oldest().min(end)..].iter().flatten() {
            assert!(self.numbers[&sample.stream.name] >= sample.seq.0, "{sample:?} is numbered");
        }
        self.adopt_acknowledged(cursor, end);
        self.is_synced();
        self.check();
        lost
    }

    /// Acknowledgements may be forgotten, none is invented.
    fn adopt_acknowledged(&mut self, cursor: usize, end: usize) {
        let waiting = self.spool().waiting().into_iter().flat_map(|run| run.start.0..run.end.0);
        let waiting: BTreeSet<_> = waiting.map(|at| usize::try_from(at).unwrap()).collect();
        let ahead: BTreeSet<_> = (cursor..end).filter(|at| !waiting.contains(at)).collect();
        assert!(ahead.is_subset(&self.passed), "invented");
        self.passed.split_off(&end);
        (self.cursor, self.ahead, self.is_unstored) = (cursor, ahead, false);
    }

    /// The same for the samples before `cursor`.
    fn salvage_retained(&mut self, cursor: usize) -> Vec<usize> {
        let names: BTreeSet<_> = self.appended.iter().map(|s| s.stream.name.clone()).collect();
        let mut lost = Vec::new();
        let oldest = self.oldest();
        for name in names {
            let left = self.replayed(&name, 0..=u64::MAX, usize::MAX).into_iter();
            let mut left = left.map(|(_, sample)| sample).peekable();
            let places = self.history.iter_mut().zip(&self.appended).enumerate();
            let places = places.take(cursor).skip(oldest);
            let places = places.filter(|(_, (_, truth))| truth.stream.name == name);
            for (position, (place, truth)) in places {
                if left.peek() == Some(truth) {
                    *place = left.next();
                } else if place.take().is_some() {
                    lost.push(position);
                }
            }
            let waiting = waiting(self.spool());
            let waiting: Vec<_> = waiting.into_iter().filter(|s| s.stream.name == name).collect();
            assert_eq!(left.collect::<Vec<_>>(), waiting, "was never appended, or is out of order");
        }
        lost.sort_unstable();
        lost
    }

    fn cut_power(&mut self, seed: u64) {
        let numbers = self.numbers_synced.clone();
        // What was removed may come back, and need not be whole.
        let there = self.oldest()..self.synced;
        let synced = self.synced;
        self.reopen(|disk| disk.cut_power(seed));
        let lost = self.salvage();
        assert!(!lost.iter().any(|at| there.contains(at)), "lost {lost:?} of {there:?}");
        assert!(self.history.len() >= synced, "positions were given out again");
        for (name, number) in numbers {
            assert!(self.numbers[&name] >= number, "{name} was synced at {number}");
        }
    }

    fn tear_tail(&mut self, choice: usize) {
        self.reopen(|disk| {
            let newest = disk.segments().pop().unwrap();
            let body = body(disk, &newest).expect("recovery leaves a sound header");
            disk.edit(&newest, |bytes| bytes.truncate(body + choice % (bytes.len() + 1 - body)));
        });
        let lost = self.salvage();
        let left = self.history.iter().rposition(Option::is_some);
        let mut waiting = lost.iter().filter(|&&at| at >= self.cursor);
        assert!(waiting.all(|&at| Some(at) > left), "a hole: {lost:?}");
    }

    fn flip_bit(&mut self, seed: u64) {
        let mut choices = Choices::new(seed);
        let mut was_in_record = false;
        self.reopen(|disk| {
            let names: Vec<_> = disk.contents().into_keys().collect();
            let name = &names[choices.below(names.len())];
            let len = disk.contents()[name].len();
            if len > 0 {
                let bit = choices.below(len * 8);
                was_in_record = body(disk, name).is_some_and(|body| bit / 8 >= body);
                disk.edit(name, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
            }
        });
        let lost = self.salvage();
        if was_in_record {
            let hit = lost.first().zip(lost.last()).map_or(0..0, |(&first, &last)| first..last);
            let between = self.history.get(hit).unwrap_or_default();
            assert!(between.iter().all(Option::is_none), "one bit, one record");
            // In the very last record, a flipped length looks like a torn write.
            let left = self.history.iter().rposition(Option::is_some);
            let was_last = lost.is_empty()
                || lost.last().copied() >= left
                || self.cursor == self.history.len();
            assert!(lost.len() < 12 && (was_last || self.spool().count().corrupt > 0));
        }
    }
}

/// Where the records of a segment begin, if it has a sound header.
fn body(disk: &CrashingDisk, name: &str) -> Option<usize> {
    match segment::read_beginning(&*disk.open(name).unwrap()).unwrap() {
        segment::Beginning::Sound { body, .. } => usize::try_from(body).ok(),
        segment::Beginning::Damaged | segment::Beginning::TooNew { .. } => None,
    }
}

/// How many histories: 400, or what `PROPTEST_CASES` says.
pub(super) fn cases() -> u32 {
    let said = |name| std::env::var(name).ok().and_then(|cases| cases.parse().ok());
    said("PROPTEST_CASES").or_else(|| said("TELEMETRYHUB_MODEL_CASES")).unwrap_or(400)
}

fn options() -> impl Strategy<Value = Options> {
    let none_or = |most: u64| prop_oneof![Just(0), 0..most];
    (none_or(4096), none_or(600), none_or(256)).prop_map(|(retain, free_min, reserve)| Options {
        retain,
        free_min,
        reserve,
        ..SMALL
    })
}

fn play(steps: Vec<Step>, options: Options) {
    let mut twin = Twin::new(options);
    for step in steps {
        twin.play(step);
    }
    twin.play(Step::Reopen);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn the_spool_is_its_model(steps in vec(harmless(), 0..150), options in options()) {
        play(steps, options);
    }

    #[test]
    fn harm_loses_no_more_than_it_hit(
        steps in vec(prop_oneof![9 => harmless().boxed(), 1 => harmful().boxed()], 0..120),
        options in options(),
    ) {
        play(steps, options);
    }
}
