//! Pushes stamp rules and mirror shares to the filters and answers to operators.
