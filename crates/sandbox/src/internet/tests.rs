//! What frames of a guest do to its internet, and how it answers.
