//! What is wrong with a policy file, and where.

/// One error in a policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong: where in the policy, the key, the values.
    pub message: String,
    /// The rule, and what to do.
    pub advice: Option<String>,
}

/// Every error found in one policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errors {
    /// Name of the file as it was given.
    pub file: String,
    /// The errors in the order of the file.
    pub errors: Vec<PolicyError>,
}

impl std::fmt::Display for Errors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            let place = format!("{}:{}:{}", self.file, error.line, error.column);
            write!(f, "{place}  {}", error.message)?;
            if let Some(advice) = &error.advice {
                write!(f, "\n{:width$}  {advice}", "", width = place.chars().count())?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}
