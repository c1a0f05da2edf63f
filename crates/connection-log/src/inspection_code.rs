//! A row's inspection as one byte.

use privet_policy::{Inspection, ShippedGroup, UntouchedBy};

/// Each by its code.
const ALL: [Inspection; 16] = [
    Inspection::Off,
    Inspection::Inspect { demanded: false },
    Inspection::Inspect { demanded: true },
    Inspection::Untouched(UntouchedBy::Rule),
    Inspection::Untouched(UntouchedBy::Mode),
    Inspection::Untouched(UntouchedBy::Except),
    Inspection::Untouched(UntouchedBy::Shipped(ShippedGroup::Banks)),
    Inspection::Untouched(UntouchedBy::Shipped(ShippedGroup::Medical)),
    Inspection::Untouched(UntouchedBy::Shipped(ShippedGroup::Government)),
    Inspection::Untouched(UntouchedBy::Shipped(ShippedGroup::Pinned)),
    Inspection::Untouched(UntouchedBy::RefusedCertificate),
    Inspection::Untouched(UntouchedBy::ClientCertificate),
    Inspection::Untouched(UntouchedBy::NotTls),
    Inspection::Untouched(UntouchedBy::Silent),
    Inspection::Untouched(UntouchedBy::OtherName),
    Inspection::Untouched(UntouchedBy::OtherProtocol),
];

pub(crate) fn code(inspection: Inspection) -> u8 {
    let at = ALL.iter().position(|known| *known == inspection);
    at.and_then(|at| u8::try_from(at).ok()).unwrap_or(0)
}

pub(crate) fn from_code(code: u8) -> Inspection {
    ALL.get(usize::from(code)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_inspection_has_a_code_of_its_own() {
        for (at, inspection) in (0u8..).zip(ALL) {
            assert_eq!(code(inspection), at);
            assert_eq!(from_code(at), inspection);
        }
        assert_eq!(from_code(200), Inspection::Off);
    }
}
