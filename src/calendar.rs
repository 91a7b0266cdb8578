//! Swedish time: Europe/Stockholm, working days with public holidays, and how dates are written (ux.md §8.7).

use jiff::{Timestamp, tz::TimeZone};
use time::{Date, Duration, Month, OffsetDateTime, Time, Weekday, macros::time};

/// A moment as a wall clock in Sweden shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// The date.
    pub date: Date,
    /// The time of day.
    pub time: Time,
}

/// `at` on a wall clock in Sweden.
pub fn local(at: OffsetDateTime) -> Local {
    static STOCKHOLM: TimeZone = jiff::tz::get!("Europe/Stockholm");
    let offset =
        Timestamp::from_second(at.unix_timestamp()).map_or(0, |moment| STOCKHOLM.to_offset(moment).seconds());
    let shifted = at + Duration::seconds(i64::from(offset));
    Local { date: shifted.date(), time: shifted.time() }
}

/// Monday to Friday that is neither a public holiday nor a day Swedish offices keep closed by custom.
pub fn is_working_day(day: Date) -> bool {
    !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) && !is_holiday(day)
}

/// The `count`-th working day after `day`.
pub fn add_working_days(day: Date, count: u32) -> Date {
    let mut left = count;
    let mut day = day;
    while left > 0 {
        let Some(next) = day.next_day() else { return day };
        day = next;
        if is_working_day(day) {
            left -= 1;
        }
    }
    day
}

/// The day itself when it is a working day, else the latest one before it.
pub fn working_day_of(day: Date) -> Date {
    let mut day = day;
    while !is_working_day(day) {
        let Some(before) = day.previous_day() else { return day };
        day = before;
    }
    day
}

/// The first seven o'clock on a working day after a moment: when the day's digest of mails is sent.
pub fn next_morning(at: OffsetDateTime) -> OffsetDateTime {
    let now = local(at);
    let day = if is_working_day(now.date) && now.time < time!(7:00) {
        now.date
    } else {
        add_working_days(now.date, 1)
    };
    // Clocks change at night: the difference to UTC is the same at noon.
    let noon = day.with_time(time!(12:00)).assume_utc();
    let shown = local(noon);
    noon - Duration::hours(5) - (shown.date.with_time(shown.time).assume_utc() - noon)
}

/// Lagen (1989:253) om allmänna helgdagar, and the eves that offices treat as holidays.
fn is_holiday(day: Date) -> bool {
    let fixed = [
        (Month::January, 1),
        (Month::January, 6),
        (Month::May, 1),
        (Month::June, 6),
        (Month::December, 24),
        (Month::December, 25),
        (Month::December, 26),
        (Month::December, 31),
    ];
    if fixed.contains(&(day.month(), day.day())) {
        return true;
    }
    // Midsummer's eve is the Friday between 19 and 25 June.
    if day.month() == Month::June && day.weekday() == Weekday::Friday && (19..=25).contains(&day.day()) {
        return true;
    }
    let Some(easter) = easter_sunday(day.year()) else { return false };
    let from_easter = (day - easter).whole_days();
    // Good Friday, Easter Monday, Ascension Day.
    [-2, 1, 39].contains(&from_easter)
}

/// The Gregorian computus in its anonymous form.
fn easter_sunday(year: i32) -> Option<Date> {
    let golden = year % 19;
    let century = year / 100;
    let of_century = year % 100;
    let correction = (century - (century + 8) / 25 + 1) / 3;
    let epact = (19 * golden + century - century / 4 - correction + 15) % 30;
    let weekday = (32 + 2 * (century % 4) + 2 * (of_century / 4) - epact - of_century % 4) % 7;
    let late = (golden + 11 * epact + 22 * weekday) / 451;
    let ordinal = epact + weekday - 7 * late + 114;
    let month = Month::try_from(u8::try_from(ordinal / 31).ok()?).ok()?;
    Date::from_calendar_date(year, month, u8::try_from(ordinal % 31 + 1).ok()?).ok()
}

const MONTHS: [&str; 12] = [
    "januari",
    "februari",
    "mars",
    "april",
    "maj",
    "juni",
    "juli",
    "augusti",
    "september",
    "oktober",
    "november",
    "december",
];

/// The words of a long date, for templates that write many: macro `date` of `_macros/ui.html`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateWords {
    /// 1 to 31.
    pub day: u8,
    /// "november".
    pub month: &'static str,
    /// 2026.
    pub year: i32,
}

impl From<Date> for DateWords {
    fn from(date: Date) -> Self {
        let month = MONTHS.get(usize::from(u8::from(date.month())) - 1).copied().unwrap_or_default();
        Self { day: date.day(), month, year: date.year() }
    }
}

/// "21 november 2026", day and month held together.
pub fn long_date(date: Date) -> String {
    let DateWords { day, month, year } = date.into();
    format!("{day}\u{a0}{month} {year}")
}

/// "2026-11-21", for tables that staff read and for machines.
pub fn iso_date(day: Date) -> String {
    format!("{:04}-{:02}-{:02}", day.year(), u8::from(day.month()), day.day())
}

/// "21 november 2026 kl. 9.14" in Swedish time.
pub fn long_time(at: OffsetDateTime) -> String {
    let local = local(at);
    format!("{} kl.\u{a0}{}.{:02}", long_date(local.date), local.time.hour(), local.time.minute())
}

/// "2026-11-21 09.14" in Swedish time.
pub fn iso_time(at: OffsetDateTime) -> String {
    let local = local(at);
    format!("{} {:02}.{:02}", iso_date(local.date), local.time.hour(), local.time.minute())
}

/// The moment for a `datetime` attribute, in UTC.
pub fn machine_time(at: OffsetDateTime) -> String {
    format!("{}T{:02}:{:02}:{:02}Z", iso_date(at.date()), at.hour(), at.minute(), at.second())
}

/// Reads `2026-11-21`, `20261121` or `21/11 2026`-like input that people really type: only the first two forms.
pub fn parse_date(text: &str) -> Option<Date> {
    let digits: String = text.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
    if digits.len() != 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let year = digits.get(0..4)?.parse().ok()?;
    let month = Month::try_from(digits.get(4..6)?.parse::<u8>().ok()?).ok()?;
    Date::from_calendar_date(year, month, digits.get(6..8)?.parse().ok()?).ok()
}

/// Whole calendar days from one date to a later one; 0 when it is not later.
pub fn days_between(from: Date, to: Date) -> i64 {
    (to - from).whole_days().max(0)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use time::macros::{date, datetime};

    use super::*;

    #[test]
    fn summer_and_winter_time_are_told_apart() {
        assert_eq!(local(datetime!(2026-07-01 22:30 UTC)).date, date!(2026 - 07 - 02));
        assert_eq!(local(datetime!(2026-12-01 22:30 UTC)).date, date!(2026 - 12 - 01));
        assert_eq!(long_time(datetime!(2026-11-21 08:14 UTC)), "21\u{a0}november 2026 kl.\u{a0}9.14");
    }

    #[test]
    fn easter_and_the_days_around_it_are_not_working_days() {
        assert_eq!(easter_sunday(2026).unwrap(), date!(2026 - 04 - 05));
        assert_eq!(easter_sunday(2027).unwrap(), date!(2027 - 03 - 28));
        for closed in [date!(2026 - 04 - 03), date!(2026 - 04 - 06), date!(2026 - 05 - 14)] {
            assert!(!is_working_day(closed), "{closed}");
        }
        assert!(is_working_day(date!(2026 - 04 - 07)));
    }

    #[test]
    fn working_days_step_over_christmas() {
        assert_eq!(add_working_days(date!(2026 - 12 - 23), 1), date!(2026 - 12 - 28));
        assert_eq!(add_working_days(date!(2026 - 11 - 12), 11), date!(2026 - 11 - 27));
    }

    #[test]
    fn digests_leave_at_seven_on_working_days_in_summer_and_winter() {
        for (from, to) in [
            (datetime!(2026-11-23 05:59 UTC), datetime!(2026-11-23 06:00 UTC)),
            (datetime!(2026-11-23 06:00 UTC), datetime!(2026-11-24 06:00 UTC)),
            (datetime!(2026-11-20 14:00 UTC), datetime!(2026-11-23 06:00 UTC)),
            (datetime!(2026-12-23 12:00 UTC), datetime!(2026-12-28 06:00 UTC)),
            (datetime!(2026-07-01 22:30 UTC), datetime!(2026-07-02 05:00 UTC)),
            // Over the nights when clocks change.
            (datetime!(2026-03-27 10:00 UTC), datetime!(2026-03-30 05:00 UTC)),
            (datetime!(2026-10-23 10:00 UTC), datetime!(2026-10-26 06:00 UTC)),
        ] {
            assert_eq!(next_morning(from), to, "{from}");
        }
    }

    #[test]
    fn dates_are_read_with_or_without_dashes_and_nothing_else() {
        assert_eq!(parse_date("2027-03-01"), Some(date!(2027 - 03 - 01)));
        assert_eq!(parse_date("20270301"), Some(date!(2027 - 03 - 01)));
        for bad in ["", "2027-02-30", "1 mars", "99999999", "2027-3-1"] {
            assert_eq!(parse_date(bad), None, "{bad}");
        }
    }
}
