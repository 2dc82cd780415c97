//! Hardware virtualisation or emulation: found out by trying, since a device that opens may still be useless.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::kvm;
use crate::error::{Error, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accelerator {
    Kvm,
    Tcg,
}

/// What the configuration asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// KVM where it is fast, else emulation.
    #[default]
    Auto,
    /// KVM, or a failure.
    Kvm,
    Tcg,
}

impl Choice {
    /// Tries once in the life of the process.
    pub fn settle(self) -> Result<Accelerator> {
        static PROBED: OnceLock<Result<(), String>> = OnceLock::new();
        if self == Self::Tcg {
            return Ok(Accelerator::Tcg);
        }
        match (self, PROBED.get_or_init(kvm::probe)) {
            (_, Ok(())) => Ok(Accelerator::Kvm),
            (Self::Kvm, Err(why)) => Err(Error::NoKvm(why.clone())),
            (_, Err(why)) => {
                tracing::info!(why, "guests are emulated");
                Ok(Accelerator::Tcg)
            }
        }
    }
}

impl FromStr for Choice {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "kvm" => Ok(Self::Kvm),
            "tcg" => Ok(Self::Tcg),
            other => Err(format!("an accelerator is auto, kvm or tcg, not {other:?}")),
        }
    }
}

impl fmt::Display for Accelerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        })
    }
}

impl Accelerator {
    pub(super) fn arguments(self) -> [&'static str; 4] {
        match self {
            Self::Kvm => ["-accel", "kvm", "-cpu", "host"],
            // 128 MiB of translated code is enough for one sample, and many guests fit.
            Self::Tcg => ["-accel", "tcg,tb-size=128", "-cpu", "max"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kvm_is_used_or_refused_never_assumed() {
        assert_eq!(Choice::Tcg.settle().unwrap(), Accelerator::Tcg);
        let auto = Choice::Auto.settle().unwrap();
        match Choice::Kvm.settle() {
            Ok(found) => assert_eq!((found, auto), (Accelerator::Kvm, Accelerator::Kvm)),
            Err(error) => {
                assert!(matches!(error, Error::NoKvm(_)), "{error}");
                assert_eq!(auto, Accelerator::Tcg);
            }
        }
    }

    #[test]
    fn names_of_choices_are_read() {
        assert_eq!("kvm".parse(), Ok(Choice::Kvm));
        assert!("xen".parse::<Choice>().is_err());
    }
}
