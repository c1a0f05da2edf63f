//! A directory listing as a page, in the form that Apache's listings have: browsers show it, and programs read it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};
use privet_ftp::listing::{Entry, EntryKind, parse_line};
use privet_ftp::without_type;

use super::request::FtpRequest;
use crate::respond::error_page::escaped;

/// Everything but RFC 3986's unreserved characters, so that no name is read as a scheme or as more than one segment.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// `is_cut`: lines are missing at the end.
pub(super) fn page(request: &FtpRequest, lines: &[u8], is_cut: bool) -> Vec<u8> {
    let url_path = without_type(&request.url_path);
    let path: Vec<u8> = percent_decode(url_path).collect();
    let title = format!(
        "Index of ftp://{}{}",
        request.target,
        String::from_utf8_lossy(&path)
    );
    let title = escaped(&title);
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\n\
         <h1>{title}</h1>\n<pre>\n"
    );
    let base = base(url_path);
    for line in lines.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match parse_line(line) {
            Some(entry) => write_entry(&mut out, &base, &entry),
            None if line.is_empty() || line.starts_with(b"total ") || is_dots(line) => {}
            None => {
                out.push_str(&escaped(&String::from_utf8_lossy(line)));
                out.push('\n');
            }
        }
    }
    out.push_str("</pre>\n");
    if is_cut {
        out.push_str("<p>The listing is longer: its end is left out.</p>\n");
    }
    out.push_str("</html>\n");
    out.into_bytes()
}

/// The entries for a folder itself and the one above it.
fn is_dots(line: &[u8]) -> bool {
    line.ends_with(b" .") || line.ends_with(b" ..")
}

fn write_entry(out: &mut String, base: &str, entry: &Entry<'_>) {
    let slash = match entry.kind {
        EntryKind::Folder => "/",
        EntryKind::File | EntryKind::Link => "",
    };
    let size = match (entry.kind, entry.size) {
        (EntryKind::File, Some(size)) => size.to_string(),
        _ => "-".to_owned(),
    };
    let name = escaped(&String::from_utf8_lossy(entry.name));
    let date = escaped(&String::from_utf8_lossy(entry.date));
    let link = percent_encode(entry.name, ENCODED);
    out.push_str(&format!(
        "<a href=\"{base}{link}{slash}\">{name}{slash}</a>  {date}  {size}\n"
    ));
}

/// What a link needs in front of a name: nothing, or the folder's own name where the URL has no slash at its end.
fn base(url_path: &[u8]) -> String {
    let last = url_path.rsplit(|&byte| byte == b'/').next();
    let last: Vec<u8> = percent_decode(last.unwrap_or_default()).collect();
    match last.is_empty() {
        true => String::new(),
        false => format!("{}/", percent_encode(&last, ENCODED)),
    }
}

#[cfg(test)]
mod tests {
    use privet_ftp::{Login, RemotePath};
    use privet_policy::Target;

    use super::*;

    fn shown(url_path: &str, lines: &str) -> String {
        let request = FtpRequest {
            target: Target::parse("files.test:21").unwrap(),
            path: RemotePath::parse(url_path.as_bytes()).unwrap(),
            url_path: url_path.as_bytes().to_vec(),
            login: Login::anonymous(),
            range: None,
            head_only: false,
        };
        String::from_utf8(page(&request, lines.as_bytes(), true)).unwrap()
    }

    #[test]
    fn names_are_links_and_no_name_is_markup() {
        let text = shown(
            "/d/",
            "total 3\r\ndrwxr-xr-x 2 0 0 4096 Jan 5 2024 sub\r\n-rw-r--r-- 1 0 0 7 Jan 5 2024 a:<b>\"&.txt\r\n<script>\r\n",
        );
        for part in [
            "<a href=\"sub/\">sub/</a>  Jan 5 2024  -\n",
            "<a href=\"a%3A%3Cb%3E%22%26.txt\">a:&lt;b&gt;&quot;&amp;.txt</a>  Jan 5 2024  7\n",
            "&lt;script&gt;\n",
            "end is left out",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("total"), "{text}");
    }

    #[test]
    fn links_lead_into_the_folder_without_a_slash_at_the_urls_end() {
        let text = shown("/a/b%20c", "-rw-r--r-- 1 0 0 7 Jan 5 2024 x\n");
        assert!(text.contains("href=\"b%20c/x\""), "{text}");
        let typed = shown("/a/b%20c;type=d", "-rw-r--r-- 1 0 0 7 Jan 5 2024 x\n");
        assert_eq!(typed, text);
    }
}
