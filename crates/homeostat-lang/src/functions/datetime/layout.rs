//! Times as text, by layouts as Go writes them: the reference time `Mon Jan 2 15:04:05 MST 2006`, in the wanted form.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// A time in a zone.
pub(super) struct Moment {
    civil: DateTime,
    offset_s: i32,
    zone: String,
}

/// Longer ones first where one begins with another.
const ELEMENTS: &[(&str, Element)] = &[
    ("January", Element::MonthName),
    ("Jan", Element::MonthShort),
    ("Monday", Element::DayName),
    ("Mon", Element::DayShort),
    ("MST", Element::ZoneName),
    ("2006", Element::Year),
    ("002", Element::YearDay(3)),
    ("__2", Element::YearDaySpaced),
    ("_2006", Element::SpaceYear),
    ("_2", Element::DaySpaced),
    ("01", Element::Month(2)),
    ("02", Element::Day(2)),
    ("03", Element::Hour12(2)),
    ("04", Element::Minute(2)),
    ("05", Element::Second(2)),
    ("06", Element::YearShort),
    ("15", Element::Hour24),
    ("1", Element::Month(1)),
    ("2", Element::Day(1)),
    ("3", Element::Hour12(1)),
    ("4", Element::Minute(1)),
    ("5", Element::Second(1)),
    ("PM", Element::Noon("AM", "PM")),
    ("pm", Element::Noon("am", "pm")),
    ("Z07:00:00", Element::Offset { zulu: true, colon: true, parts: 3 }),
    ("Z070000", Element::Offset { zulu: true, colon: false, parts: 3 }),
    ("Z07:00", Element::Offset { zulu: true, colon: true, parts: 2 }),
    ("Z0700", Element::Offset { zulu: true, colon: false, parts: 2 }),
    ("Z07", Element::Offset { zulu: true, colon: false, parts: 1 }),
    ("-07:00:00", Element::Offset { zulu: false, colon: true, parts: 3 }),
    ("-070000", Element::Offset { zulu: false, colon: false, parts: 3 }),
    ("-07:00", Element::Offset { zulu: false, colon: true, parts: 2 }),
    ("-0700", Element::Offset { zulu: false, colon: false, parts: 2 }),
    ("-07", Element::Offset { zulu: false, colon: false, parts: 1 }),
];

#[derive(Clone, Copy)]
enum Element {
    Year,
    SpaceYear,
    YearShort,
    MonthName,
    MonthShort,
    Month(usize),
    DayName,
    DayShort,
    Day(usize),
    DaySpaced,
    YearDay(usize),
    YearDaySpaced,
    Hour24,
    Hour12(usize),
    Minute(usize),
    Second(usize),
    Noon(&'static str, &'static str),
    ZoneName,
    Offset { zulu: bool, colon: bool, parts: usize },
}

impl Moment {
    /// `None` beyond the year 9999.
    pub(super) fn new(epoch: i64, offset_s: i64, zone: &str) -> Option<Self> {
        let offset_s = i32::try_from(offset_s).ok()?;
        let offset = Offset::from_seconds(offset_s).ok()?;
        let civil = offset.to_datetime(Timestamp::from_second(epoch).ok()?);
        Some(Self { civil, offset_s, zone: zone.to_owned() })
    }

    pub(super) fn hour(&self) -> i64 {
        self.civil.hour().into()
    }

    pub(super) fn weekday(&self) -> &'static str {
        DAYS[self.civil.weekday().to_monday_zero_offset() as usize]
    }

    pub(super) fn format(&self, layout: &str) -> String {
        let mut out = String::new();
        let mut rest = layout;
        while let Some(first) = rest.chars().next() {
            if let Some((end, digits)) = fraction(rest) {
                // Times are whole seconds: the fraction is zero, and the form with nines leaves zeros out.
                out.push_str(if digits.contains('0') { &rest[..end] } else { "" });
                rest = &rest[end..];
                continue;
            }
            match ELEMENTS
                .iter()
                .find(|(text, element)| rest.starts_with(text) && fits(*element, &rest[text.len()..]))
            {
                Some((text, element)) => {
                    self.write(*element, &mut out);
                    rest = &rest[text.len()..];
                }
                None => {
                    out.push(first);
                    rest = &rest[first.len_utf8()..];
                }
            }
        }
        out
    }

    fn write(&self, element: Element, out: &mut String) {
        let time = &self.civil;
        let month = MONTHS[time.month() as usize - 1];
        let half = match time.hour() % 12 {
            0 => 12,
            hour => hour,
        };
        let written = match element {
            Element::Year => write!(out, "{:04}", time.year()),
            Element::SpaceYear => write!(out, "_{:04}", time.year()),
            Element::YearShort => write!(out, "{:02}", time.year().rem_euclid(100)),
            Element::MonthName => out.write_str(month),
            Element::MonthShort => out.write_str(&month[..3]),
            Element::Month(width) => write!(out, "{:0width$}", time.month()),
            Element::DayName => out.write_str(self.weekday()),
            Element::DayShort => out.write_str(&self.weekday()[..3]),
            Element::Day(width) => write!(out, "{:0width$}", time.day()),
            Element::DaySpaced => write!(out, "{:2}", time.day()),
            Element::YearDay(width) => write!(out, "{:0width$}", time.day_of_year()),
            Element::YearDaySpaced => write!(out, "{:3}", time.day_of_year()),
            Element::Hour24 => write!(out, "{:02}", time.hour()),
            Element::Hour12(width) => write!(out, "{half:0width$}"),
            Element::Minute(width) => write!(out, "{:0width$}", time.minute()),
            Element::Second(width) => write!(out, "{:0width$}", time.second()),
            Element::Noon(before, after) => out.write_str(if time.hour() < 12 { before } else { after }),
            Element::ZoneName if self.zone.is_empty() => {
                self.write(Element::Offset { zulu: false, colon: false, parts: 2 }, out);
                Ok(())
            }
            Element::ZoneName => out.write_str(&self.zone),
            Element::Offset { zulu: true, .. } if self.offset_s == 0 => out.write_str("Z"),
            Element::Offset { colon, parts, .. } => {
                let seconds = self.offset_s.unsigned_abs();
                let numbers = [seconds / 3600, seconds / 60 % 60, seconds % 60];
                let numbers: Vec<String> =
                    numbers[..parts].iter().map(|number| format!("{number:02}")).collect();
                let sign = if self.offset_s < 0 { '-' } else { '+' };
                write!(out, "{sign}{}", numbers.join(if colon { ":" } else { "" }))
            }
        };
        written.expect("writing to a text does not fail");
    }
}

/// Names within words are no names: `Janet`, `Monet`.
fn fits(element: Element, rest: &str) -> bool {
    match element {
        Element::MonthShort | Element::DayShort => !rest.starts_with(|c: char| c.is_ascii_lowercase()),
        _ => true,
    }
}

/// A point or comma before only zeros or only nines.
fn fraction(text: &str) -> Option<(usize, &str)> {
    let digits = text.strip_prefix(['.', ','])?;
    let digit = digits.chars().next().filter(|c| "09".contains(*c))?;
    let end = digits.find(|c| c != digit).unwrap_or(digits.len());
    let ends_there = !digits[end..].starts_with(|c: char| c.is_ascii_digit());
    ends_there.then(|| (1 + end, &digits[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_followed() {
        let moment = Moment::new(1_700_000_007, -5 * 3600 - 1800, "XST").unwrap();
        for (layout, text) in [
            ("Mon Jan _2 15:04:05 2006", "Tue Nov 14 16:43:27 2023"),
            ("Monday, 02-Jan-06 15:04:05 MST", "Tuesday, 14-Nov-23 16:43:27 XST"),
            ("Mon, 02 Jan 2006 15:04:05 -0700", "Tue, 14 Nov 2023 16:43:27 -0530"),
            ("2006-01-02T15:04:05.999Z07:00", "2023-11-14T16:43:27-05:30"),
            ("3:04PM 3:4:5 pm", "4:43PM 4:43:27 pm"),
            ("1/2 002 January Janet", "11/14 318 November Janet"),
            (".000 x é", ".000 x é"),
        ] {
            assert_eq!(moment.format(layout), text, "{layout}");
        }
        let utc = Moment::new(0, 0, "").unwrap();
        assert_eq!(utc.format("Z07:00 -07 MST 03 AM PM"), "Z +00 +0000 12 AM AM");
        assert!(Moment::new(i64::MAX, 0, "").is_none());
    }
}
