//! Finds a certificate in PEM text.

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Whether the text holds the certificate, however its lines are broken.
pub(super) fn contains(text: &str, certificate: &str) -> bool {
    let Some(wanted) = bodies(certificate).next() else {
        return false;
    };
    bodies(text).any(|body| body == wanted)
}

fn bodies(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(BEGIN).skip(1).filter_map(|rest| {
        let (body, _) = rest.split_once(END)?;
        Some(body.split_whitespace().collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_found_whatever_its_line_breaks() {
        let one = format!("{BEGIN}\nABC\nDEF\n{END}\n");
        let other = format!("{BEGIN}\nXYZ\n{END}\n");
        let same = format!("# a comment\n{other}{BEGIN}\r\nAB\r\nCDEF\r\n{END}");
        assert!(contains(&same, &one));
        assert!(!contains(&other, &one));
        assert!(!contains(&same, "no certificate"));
        assert!(!contains("", &one));
    }
}
