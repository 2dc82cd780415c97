//! What SQL agents may be sent.

/// Refuses text that no agent should run: blank, or one that attaches a database file (the Fleet reference, section 6.2).
pub fn check_sql(sql: &str) -> Result<(), &'static str> {
    if sql.trim().is_empty() {
        return Err("query's SQL query cannot be empty");
    }
    if attaches(sql) {
        return Err("invalid query's SQL");
    }
    Ok(())
}

/// The word `attach`, later the word `as`, with something else around each.
fn attaches(sql: &str) -> bool {
    let lower = sql.to_lowercase();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut words = lower.split(|c: char| !is_word(c)).filter(|word| !word.is_empty());
    let ends_open = lower.chars().last().is_some_and(is_word);
    if !words.any(|word| word == "attach") {
        return false;
    }
    let rest: Vec<&str> = words.collect();
    rest.iter().enumerate().any(|(n, word)| *word == "as" && (n + 1 < rest.len() || !ends_open))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attaching_files_is_refused_and_words_that_look_alike_are_not() {
        for sql in ["ATTACH '/etc/x' AS y", "select 1; attach/**/'f'as f", "attach x as \"y\""] {
            assert_eq!(check_sql(sql), Err("invalid query's SQL"), "{sql}");
        }
        for sql in ["select attached as a from t", "select 1 as attach", "select * from attach_as"] {
            assert_eq!(check_sql(sql), Ok(()), "{sql}");
        }
        assert!(check_sql(" \n").is_err());
    }
}
