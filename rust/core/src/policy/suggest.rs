//! The known name that somebody probably meant.

/// Names longer than this are not compared: nobody mistypes a key into a novel.
const MAX_LENGTH: usize = 40;

/// The nearest of `known`, if it is near: at most a third of the letters differ.
pub(super) fn nearest(written: &str, known: &[&'static str]) -> Option<&'static str> {
    let written: Vec<char> = written.chars().take(MAX_LENGTH + 1).map(|c| c.to_ascii_lowercase()).collect();
    if written.len() > MAX_LENGTH {
        return None;
    }
    known
        .iter()
        .map(|&name| (distance(&written, name), name))
        .filter(|&(distance, name)| distance * 3 <= name.len().max(written.len()))
        .min()
        .map(|(_, name)| name)
}

/// Letters to insert, remove, replace or swap with their neighbour, to get from one to the other.
fn distance(written: &[char], name: &str) -> usize {
    let name: Vec<char> = name.chars().collect();
    let mut before = vec![0; name.len() + 1];
    let mut last: Vec<usize> = (0..=name.len()).collect();
    for (row, &letter) in written.iter().enumerate() {
        let mut next = vec![row + 1; name.len() + 1];
        for (column, &other) in name.iter().enumerate() {
            let replaced = last[column] + usize::from(letter != other);
            next[column + 1] = replaced.min(last[column + 1] + 1).min(next[column] + 1);
            if row > 0 && column > 0 && letter == name[column - 1] && written[row - 1] == other {
                next[column + 1] = next[column + 1].min(before[column - 1] + 1);
            }
        }
        before = std::mem::replace(&mut last, next);
    }
    last[name.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_finds_its_name_and_nonsense_finds_none() {
        let known = ["limits", "limits_stand", "max_bytes", "match"];
        assert_eq!(nearest("limit", &known), Some("limits"));
        assert_eq!(nearest("max_byets", &known), Some("max_bytes"));
        assert_eq!(nearest("Limits-Stand", &known), Some("limits_stand"));
        assert_eq!(nearest("zebra", &known), None);
        assert_eq!(nearest("", &known), None);
        assert_eq!(nearest(&"m".repeat(1000), &known), None);
    }
}
