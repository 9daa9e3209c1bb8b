//! What somebody may have meant.

/// The longest word that is compared, in bytes: the work grows with its square.
const WORD_MAX: usize = 64;

/// The candidate that `word` is a likely misspelling of.
pub(super) fn nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    if word.len() > WORD_MAX {
        return None;
    }
    let farthest = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|&(distance, _)| distance <= farthest)
        .min()
        .map(|(_, candidate)| candidate)
}

/// How to mend `word`, which should be one of `candidates`, `what` in the plural.
pub(crate) fn choose(word: &str, what: &str, candidates: &[&str]) -> String {
    match nearest(word, candidates.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`? The {what} are: {}", candidates.join(", ")),
        None => format!("the {what} are: {}", candidates.join(", ")),
    }
}
