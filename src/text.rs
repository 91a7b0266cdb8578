//! Small Swedish texts made from values: money, lists, masked numbers. No-break spaces are written here (ux.md §8.8).

/// "25 000 kr" from öre; öre are shown only when there are any.
pub fn kronor(ore: i64) -> String {
    let whole = grouped(ore / 100);
    match ore % 100 {
        0 => format!("{whole}\u{a0}kr"),
        rest => format!("{whole},{rest:02}\u{a0}kr"),
    }
}

/// Digits in groups of three: "1 000 000".
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        text.push('\u{2212}');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text
}

/// "1 dag", "2 dagar".
pub fn days(count: i64) -> String {
    if count == 1 { "1\u{a0}dag".to_owned() } else { format!("{}\u{a0}dagar", grouped(count)) }
}

/// "a, b och c".
pub fn and_list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [start @ .., last] => format!("{} och {last}", start.join(", ")),
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// An error with its sources, for the log.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// The bytes of lower-case hexadecimal; `None` for anything else.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    // One text for the same bytes: what is counted by its text can't be sent again in capitals.
    let digit = |byte: &u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| if let [high, low] = pair { Some(digit(high)? << 4 | digit(low)?) } else { None })
        .collect()
}

/// True when a line has no control characters: a name with a line break could forge a log line or a mail header.
pub fn is_single_line(text: &str) -> bool {
    // Line and paragraph separators break a line too.
    !text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') || turns(c))
}

/// A mark of direction, which makes a text read as another, or one that takes no room, which makes a name look like another
/// or like nothing. Joiners stay: they are part of how some names are written.
pub fn turns(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    )
}

/// Looks like a Swedish personal number: free text must not carry patients' data.
pub fn has_personal_number(text: &str) -> bool {
    let mut run = String::new();
    let mut rest = text.chars().chain([' ']).peekable();
    while let Some(c) = rest.next() {
        let goes_on = matches!(run.len(), 6 | 8) && rest.peek().is_some_and(char::is_ascii_digit);
        match c {
            '0'..='9' => run.push(c),
            '-' | '+' | ' ' | '\u{a0}' | '\u{2010}'..='\u{2015}' | '\u{2212}' if goes_on => {}
            _ => {
                if is_personal_number(&run) {
                    return true;
                }
                run.clear();
            }
        }
    }
    false
}

fn is_personal_number(digits: &str) -> bool {
    let ten = match digits.len() {
        10 => digits,
        12 if digits.starts_with("19") || digits.starts_with("20") => digits.get(2..).unwrap_or(""),
        _ => return false,
    };
    let part =
        |from: usize, to: usize| ten.get(from..to).and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
    let (month, day) = (part(2, 4), part(4, 6));
    (1..=12).contains(&month) && (1..=31).contains(&(day % 60)) && luhn_holds(ten)
}

/// The check digit of personal and organisation numbers.
pub fn luhn_holds(digits: &str) -> bool {
    let mut sum = 0;
    for (index, digit) in digits.chars().rev().enumerate() {
        let Some(value) = digit.to_digit(10) else { return false };
        let value = if index % 2 == 1 { value * 2 } else { value };
        sum += if value > 9 { value - 9 } else { value };
    }
    !digits.is_empty() && sum % 10 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_grouped_with_no_break_spaces() {
        assert_eq!(kronor(2_500_000), "25\u{a0}000\u{a0}kr");
        assert_eq!(kronor(125_050), "1\u{a0}250,50\u{a0}kr");
        assert_eq!(kronor(0), "0\u{a0}kr");
        assert_eq!(grouped(i64::MIN).chars().filter(char::is_ascii_digit).count(), 19);
    }

    #[test]
    fn personal_numbers_in_free_text_are_found_and_other_numbers_are_not() {
        assert!(has_personal_number("gäller 19121212-1212 som vi talade om"));
        for written in ["121212-1212", "121212 1212", "19121212\u{2013}1212", "121212\u{a0}1212"] {
            assert!(has_personal_number(written), "{written}");
        }
        for harmless in ["556559-4230", "BES-2026-004183", "0705550142", "121212-1213", "12 12 12"] {
            assert!(!has_personal_number(harmless), "{harmless}");
        }
    }
}
