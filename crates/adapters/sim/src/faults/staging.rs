//! Playing a script.

use std::{collections::BTreeMap, time::Duration};

use super::{Episode, Mistake, Script, Target, target::Undo};

/// A script on its way.
pub struct Staging {
    targets: BTreeMap<String, Target>,
    /// The next one last.
    coming: Vec<Episode>,
    present: Vec<(Duration, Undo)>,
    begun: BTreeMap<(String, &'static str), u64>,
}

impl Script {
    /// Gets ready to play it to the devices of these names.
    ///
    /// # Errors
    ///
    /// [`Mistake`] for an episode of a device that is not there, or of a fault that it cannot have.
    pub fn stage(self, targets: BTreeMap<String, Target>) -> Result<Staging, Vec<Mistake>> {
        let mistakes: Vec<_> =
            self.episodes.iter().filter_map(|episode| misfit(episode, &targets)).collect();
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let mut coming = self.episodes;
        // Stable: what begins at one time keeps its order.
        coming.reverse();
        coming.sort_by_key(|episode| std::cmp::Reverse(episode.at));
        Ok(Staging { targets, coming, present: Vec::new(), begun: BTreeMap::new() })
    }
}

fn misfit(episode: &Episode, targets: &BTreeMap<String, Target>) -> Option<Mistake> {
    let (line, device, fault) = (episode.line, &episode.device, episode.fault);
    let Some(target) = targets.get(device) else {
        let names: Vec<_> = targets.keys().map(String::as_str).collect();
        let mend = format!("the devices are: {}", names.join(", "));
        return Some(Mistake { line, what: format!("there is no device `{device}`"), mend });
    };
    if target.can(fault) {
        return None;
    }
    let what = format!("`{device}` cannot have the fault `{}`", fault.name());
    let mut names: Vec<_> = target.faults().into_iter().map(super::Fault::name).collect();
    names.dedup();
    Some(Mistake { line, what, mend: format!("its faults are: {}", names.join(", ")) })
}

impl Staging {
    /// Begins and ends what is due by `now`, since the start.
    pub fn step(&mut self, now: Duration) {
        loop {
            let ends = self.present.iter().map(|(end, _)| *end).min().filter(|&end| end <= now);
            let begins = self.coming.last().map(|episode| episode.at).filter(|&at| at <= now);
            match (ends, begins) {
                (Some(end), Some(begin)) if begin < end => self.begin(),
                (Some(end), _) => self.end(end),
                (None, Some(_)) => self.begin(),
                (None, None) => return,
            }
        }
    }

    /// What is still to come.
    pub fn script(&self) -> Script {
        Script { episodes: self.coming.iter().rev().cloned().collect() }
    }

    /// Ends everything; nothing more comes.
    pub fn heal(&mut self) {
        self.coming.clear();
        self.end(Duration::MAX);
    }

    /// How often each fault of each device has begun, by their names.
    pub const fn begun(&self) -> &BTreeMap<(String, &'static str), u64> {
        &self.begun
    }

    fn begin(&mut self) {
        let Some(episode) = self.coming.pop() else { return };
        let target = self.targets.get(&episode.device);
        if let Some(undo) = target.and_then(|target| target.begin(episode.fault, episode.when)) {
            let end = episode.span.map_or(Duration::MAX, |span| episode.at.saturating_add(span));
            self.present.push((end, undo));
            *self.begun.entry((episode.device, episode.fault.name())).or_default() += 1;
        }
    }

    fn end(&mut self, by: Duration) {
        self.present.extract_if(.., |(end, _)| *end <= by).for_each(|(_, undo)| undo());
    }
}
