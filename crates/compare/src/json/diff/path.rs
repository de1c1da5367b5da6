//! Where in a document the walk is.

/// The steps from the root.
#[derive(Default)]
pub(super) struct Path<'a> {
    steps: Vec<Step<'a>>,
}

enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

impl<'a> Path<'a> {
    pub(super) fn within_name(&mut self, name: &'a str) {
        self.steps.push(Step::Name(name));
    }

    pub(super) fn within_index(&mut self, index: usize) {
        self.steps.push(Step::Index(index));
    }

    pub(super) fn leave(&mut self) {
        self.steps.pop();
    }

    /// `$.items[*].price`
    pub(super) fn generalised(&self) -> String {
        self.text(|_| "[*]".to_owned())
    }

    /// `$.items[3].price`
    pub(super) fn exact(&self) -> String {
        self.text(|index| format!("[{index}]"))
    }

    fn text(&self, index: impl Fn(usize) -> String) -> String {
        let mut text = "$".to_owned();
        for step in &self.steps {
            match step {
                Step::Index(at) => text.push_str(&index(*at)),
                Step::Name(name) if is_short(name) => {
                    text.push('.');
                    text.push_str(name);
                }
                Step::Name(name) => {
                    // A normalised path as in RFC 9535, section 2.7.
                    text.push_str("['");
                    text.push_str(&name.replace('\\', "\\\\").replace('\'', "\\'"));
                    text.push_str("']");
                }
            }
        }
        text
    }
}

/// Whether JSONPath's short form `.name` can name it.
fn is_short(name: &str) -> bool {
    let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80;
    name.bytes().next().is_some_and(first) && name.bytes().all(|byte| first(byte) || byte.is_ascii_digit())
}
