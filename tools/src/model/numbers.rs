//! Numbers as people read them, in few letters. What is not known is `-`.

/// What stands for a figure that the server did not give.
pub const UNKNOWN: &str = "-";

/// A figure, or `-`.
pub fn or_unknown<T>(value: Option<T>, show: impl Fn(T) -> String) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), show)
}

/// A count in full up to 99,999, and then in thousands, millions, ...
pub fn count(value: u64) -> String {
    match value {
        0..100_000 => grouped(value),
        _ => scaled(value as f64, 1000.0, &["", "k", "M", "G", "T", "P", "E"]),
    }
}

/// A count with commas.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number with as many decimals as are of use.
pub fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100_000.0 => scaled(value, 1000.0, &["", "k", "M", "G", "T", "P", "E"]),
        size if size >= 100.0 || value == value.trunc() => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.01 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// A share of 0 to 1 as per cent.
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    match value {
        0.0 => "0 %".to_owned(),
        _ if value < 0.01 => "<0.01 %".to_owned(),
        _ if value < 10.0 => format!("{value:.2} %"),
        // So that all but all is not all.
        _ if (99.95..100.0).contains(&value) => format!("{:.2} %", (value * 100.0).floor() / 100.0),
        _ => format!("{value:.1} %"),
    }
}

/// Microseconds, as `us`, `ms` or `s`.
pub fn micros(value: f64) -> String {
    match value {
        _ if value < 999.5 => format!("{} us", short(value)),
        _ if value < 999_500.0 => format!("{} ms", short(value / 1000.0)),
        _ => format!("{} s", short(value / 1_000_000.0)),
    }
}

/// Bytes, in powers of 1024.
pub fn bytes(value: u64) -> String {
    scaled(value as f64, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"])
}

/// A length of time in seconds: the two largest units.
pub fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match () {
        () if days > 0 => format!("{days} d {hours} h"),
        () if hours > 0 => format!("{hours} h {minutes} min"),
        () if minutes > 0 => format!("{minutes} min {} s", seconds % 60),
        () => format!("{seconds} s"),
    }
}

/// How long ago a time is, both in milliseconds since 1970; `-` for never.
pub fn age(at_ms: u64, now_ms: u64) -> String {
    match at_ms {
        0 => UNKNOWN.to_owned(),
        _ => duration(now_ms.saturating_sub(at_ms) / 1000),
    }
}

/// The time of day in UTC of milliseconds since 1970.
pub fn clock(at_ms: u64) -> String {
    let seconds = at_ms / 1000;
    format!("{:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

/// Day and time of day in UTC of milliseconds since 1970.
pub fn date(at_ms: u64) -> String {
    // Years of 365 or 366 days from 1970 on, then months: short, and right for ever.
    let is_leap = |year: u64| {
        (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400)
    };
    let mut days = at_ms / 86_400_000;
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) && year < 9999 {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02} {}", days + 1, clock(at_ms))
}

fn scaled(value: f64, step: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut units = units.iter().copied().peekable();
    while value.abs() >= step && units.len() > 1 {
        value /= step;
        units.next();
    }
    let unit = units.next().unwrap_or_default();
    let space = if unit.len() > 1 || unit == "B" { " " } else { "" };
    let number = match value.abs() {
        size if size >= 100.0 || value == value.trunc() => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    };
    format!("{number}{space}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let rows = [
            (count(99_999), "99,999"),
            (count(1_234_567), "1.23M"),
            (count(u64::MAX), "18.4E"),
            (grouped(1_234_567), "1,234,567"),
            (short(0.0), "0"),
            (short(12.345), "12.3"),
            (short(0.001), "0.0010"),
            (percent(0.0), "0 %"),
            (percent(0.000_01), "<0.01 %"),
            (percent(0.0123), "1.23 %"),
            (percent(0.999_96), "99.99 %"),
            (percent(1.0), "100.0 %"),
            (micros(12.0), "12 us"),
            (micros(1500.0), "1.50 ms"),
            (micros(2_000_000.0), "2 s"),
            (bytes(0), "0 B"),
            (bytes(1536), "1.50 KiB"),
            (duration(59), "59 s"),
            (duration(3_725), "1 h 2 min"),
            (duration(90_000), "1 d 1 h"),
            (age(0, 5), "-"),
            (age(9_000, 5_000), "0 s"),
            (or_unknown(None, count), "-"),
        ];
        for (shown, expected) in rows {
            assert_eq!(shown, expected);
        }
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (ms, expected) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_400_000, "2000-02-29 00:00:00"),
            (1_735_689_599_000, "2024-12-31 23:59:59"),
            (4_102_444_800_000, "2100-01-01 00:00:00"),
        ] {
            assert_eq!(date(ms), expected);
        }
    }
}
