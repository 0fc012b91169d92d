//! The one place where foreign text is made safe to show.
//!
//! Server messages, reference names, authors and commit subjects are written by strangers. Before any of it
//! reaches a status, an Event, a log line or a terminal it loses control characters, escape sequences,
//! characters that reorder or hide text, and its length.

/// The longest text that [`sanitize`] returns for one line of a message, in characters.
pub const LINE: usize = 200;

/// `bytes` as one line of at most `longest` characters.
///
/// Invalid UTF-8 becomes U+FFFD; every run of white space and line breaks becomes one space; control
/// characters, bidirectional overrides and other invisible format characters are dropped; what is cut off is
/// marked by `…`. HTML is left alone: escaping belongs to whoever writes HTML.
pub fn sanitize(bytes: &[u8], longest: usize) -> String {
    // Every kept character stands for at least one byte; reading a little more than is kept is enough, and
    // a megabyte of foreign text costs nothing.
    let window = &bytes[..bytes.len().min(longest.saturating_mul(8).max(64))];
    let text = String::from_utf8_lossy(window);
    let mut clean = String::new();
    let mut kept = 0;
    let mut gap = false;
    let mut cut = window.len() < bytes.len();
    for character in text.chars() {
        if character.is_whitespace() {
            gap = !clean.is_empty();
            continue;
        }
        if character.is_control() || is_invisible(character) {
            continue;
        }
        let width = if gap { 2 } else { 1 };
        if kept + width > longest {
            cut = true;
            break;
        }
        if gap {
            clean.push(' ');
            gap = false;
        }
        clean.push(character);
        kept += width;
    }
    if cut {
        while kept >= longest && clean.pop().is_some() {
            kept -= 1;
        }
        clean.push('…');
    }
    clean
}

/// Characters of Unicode's general category Cf and relatives that hide or reorder what follows.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
        | '\u{FFF0}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::sanitize;

    #[test]
    fn foreign_text_becomes_one_harmless_line() {
        let table: &[(&[u8], usize, &str)] = &[
            (b"plain words", 40, "plain words"),
            (b"  many\t\r\n  spaces \n", 40, "many spaces"),
            (b"\x1b[31mred\x1b[0m", 40, "[31mred[0m"),
            (b"nul\0bell\x07", 40, "nulbell"),
            (b"\xff\xfe", 40, "\u{fffd}\u{fffd}"),
            ("\u{202e}gnp.exe".as_bytes(), 40, "gnp.exe"),
            ("zero\u{200b}width".as_bytes(), 40, "zerowidth"),
            ("배포 수정".as_bytes(), 40, "배포 수정"),
            (b"<script>", 40, "<script>"),
            (b"abcdef", 6, "abcdef"),
            (b"abcdefg", 6, "abcde…"),
            (b"abcde fg", 6, "abcde…"),
            (b"", 6, ""),
        ];
        for (input, longest, expected) in table {
            assert_eq!(&sanitize(input, *longest), expected, "{input:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_stay_one_short_line(bytes: Vec<u8>, longest in 1_usize..64) {
            let clean = sanitize(&bytes, longest);
            proptest::prop_assert!(clean.chars().count() <= longest);
            proptest::prop_assert!(!clean.chars().any(char::is_control));
        }
    }
}
