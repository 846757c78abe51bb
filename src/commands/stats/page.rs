//! A page in Prometheus' text format, version 0.0.4 (Prometheus documentation, "Exposition
//! formats").

use std::fmt::Write as _;

/// Of a sample: most are counts, of which a page has thousands.
pub(super) enum Value {
    Count(u64),
    Amount(f64),
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<f64> for Value {
    fn from(amount: f64) -> Self {
        Self::Amount(amount)
    }
}

/// A page of metrics.
#[derive(Default)]
pub(super) struct Page(String);

impl Page {
    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// Begins a metric.
    pub(super) fn metric(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Into<Value>) {
        self.open(name, labels);
        self.0.push_str(if labels.is_empty() { " " } else { "} " });
        self.value(value);
    }

    fn value(&mut self, value: impl Into<Value>) {
        match value.into() {
            Value::Count(count) => self.0.push_str(itoa::Buffer::new().format(count)),
            Value::Amount(amount) => {
                let _ = write!(self.0, "{amount}");
            }
        }
        self.0.push('\n');
    }

    /// A name and its labels, to which more can be added.
    fn open(&mut self, name: &str, labels: &[(&str, &str)]) {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            self.0.push(if at == 0 { '{' } else { ',' });
            self.0.push_str(label);
            self.0.push_str("=\"");
            self.escaped(text);
            self.0.push('"');
        }
    }

    fn escaped(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.find(['\\', '"', '\n']) {
            let (plain, special) = rest.split_at(at);
            self.0.push_str(plain);
            self.0.push_str(if special.starts_with('\n') { "\\n" } else { "\\" });
            let mut chars = special.chars();
            // The others stand for themselves behind a backslash.
            self.0.extend(chars.next().filter(|c| *c != '\n'));
            rest = chars.as_str();
        }
        self.0.push_str(rest);
    }

    /// A metric with one sample.
    pub(super) fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Into<Value>) {
        self.metric(name, kind, help);
        self.sample(name, &[], value);
    }

    /// The samples of a histogram: what did not exceed each bound, all, and the sum.
    pub(super) fn histogram<'b>(
        &mut self,
        name: &str,
        label: (&str, &str),
        buckets: impl Iterator<Item = (&'b String, u64)>,
        (count, sum): (u64, f64),
    ) {
        let mut bucket = Self::default();
        bucket.open(&format!("{name}_bucket"), &[label]);
        let mut sample = |bound: &str, below: u64| {
            for part in [&bucket.0, ",le=\"", bound, "\"} "] {
                self.0.push_str(part);
            }
            self.value(below);
        };
        buckets.for_each(|(bound, below)| sample(bound, below));
        sample("+Inf", count);
        self.sample(&format!("{name}_sum"), &[label], sum);
        self.sample(&format!("{name}_count"), &[label], count);
    }
}
