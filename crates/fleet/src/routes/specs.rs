//! What all routes of specs share: `{"specs": …}` in both directions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The most specs of one request.
const MAX_SPECS: usize = 10_000;

/// One spec or all of them, to clients.
#[derive(Serialize, JsonSchema)]
pub struct Specs<T> {
    pub specs: T,
}

/// Specs to apply. None at all is fine.
#[derive(Deserialize, JsonSchema)]
pub struct GivenSpecs<T> {
    specs: Option<Vec<T>>,
}

impl<T> GivenSpecs<T> {
    /// The specs, or 422 when there are too many.
    pub fn take(self) -> Result<Vec<T>> {
        let specs = self.specs.unwrap_or_default();
        if specs.len() > MAX_SPECS {
            return Err(Error::invalid("specs", format!("{MAX_SPECS} specs at most can be applied at once")));
        }
        Ok(specs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_specs_are_refused() {
        let given = |count| GivenSpecs { specs: Some(vec![0_u8; count]) }.take();
        assert_eq!(given(MAX_SPECS).unwrap().len(), MAX_SPECS);
        assert_eq!(given(MAX_SPECS + 1).unwrap_err().status.as_u16(), 422);
        assert!(GivenSpecs::<u8> { specs: None }.take().unwrap().is_empty());
    }
}
