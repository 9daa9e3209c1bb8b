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
    let (word, length) = (word.to_lowercase(), word.chars().count());
    let farthest = (length / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        // One letter for another is a misspelling of nothing.
        .filter(|&(distance, _)| distance <= farthest && distance < length)
        .min()
        .map(|(_, candidate)| candidate)
}

/// How to mend `word`, which should be one of `candidates`, `what` in the plural.
pub(crate) fn choose(word: &str, what: &str, candidates: &[&str]) -> String {
    if candidates.is_empty() {
        return format!("there are no {what}");
    }
    match nearest(word, candidates.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`? The {what} are: {}", candidates.join(", ")),
        None => format!("the {what} are: {}", candidates.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capitals_are_a_misspelling_and_another_letter_is_not() {
        assert_eq!(nearest("BME280", ["bme280", "tmp117"]), Some("bme280"));
        assert_eq!(nearest("bme208", ["bme280", "tmp117"]), Some("bme280"));
        assert_eq!(nearest("9", ["1", "8"]), None);
        assert_eq!(nearest("", ["1", "8"]), None);
        assert_eq!(choose("a", "buses", &[]), "there are no buses");
    }
}
