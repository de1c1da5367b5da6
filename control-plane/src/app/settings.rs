//! One setting from four places: flag over variable over file over default.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// A wrong setting: where it was given, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError {
    /// `--listen-api`, `UMBRA_LISTEN_API`, or `listen-api in umbra.toml`.
    pub setting: String,
    /// What is wrong, and what to give instead.
    pub message: String,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.message)
    }
}

/// A setting's text and where it came from, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) text: String,
    pub(crate) setting: String,
}

impl Given {
    pub(crate) fn error(&self, message: impl Into<String>) -> SettingError {
        SettingError { setting: self.setting.clone(), message: message.into() }
    }
}

/// The three places that settings are given in, by key (`listen-api`).
pub(crate) struct Settings {
    flags: BTreeMap<&'static str, String>,
    variables: BTreeMap<&'static str, String>,
    file: BTreeMap<&'static str, String>,
    file_path: PathBuf,
}

impl Settings {
    /// `flags` are all the settings that there are, with what was typed for them.
    pub(crate) fn new(
        flags: &[(&'static str, Option<String>)],
        variable: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let mut settings = Settings {
            flags: BTreeMap::new(),
            variables: BTreeMap::new(),
            file: BTreeMap::new(),
            file_path: PathBuf::new(),
        };
        for (key, typed) in flags {
            if let Some(text) = typed {
                settings.flags.insert(key, text.clone());
            }
            // Deployment templates often set a variable to nothing where they mean to leave it out.
            if let Some(text) = variable(&variable_name(key)).filter(|text| !text.is_empty()) {
                settings.variables.insert(key, text);
            }
        }
        settings
    }

    /// Adds the file's settings. Refuses keys that are not among `known`, and values that are neither text nor true/false.
    pub(crate) fn read_file(
        &mut self,
        path: &Path,
        text: &str,
        known: &[&'static str],
    ) -> Result<(), Vec<SettingError>> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            vec![SettingError {
                setting: path.display().to_string(),
                message: error.to_string().trim_end().to_owned(),
            }]
        })?;
        let mut errors = Vec::new();
        for (key, value) in table {
            let setting = in_file(&key, path);
            let Some(known_key) = known.iter().find(|known| **known == key) else {
                errors.push(SettingError {
                    setting,
                    message: format!("unknown key: known are {}", known.join(", ")),
                });
                continue;
            };
            let text = match value {
                toml::Value::String(text) => text,
                toml::Value::Boolean(truth) => truth.to_string(),
                other => {
                    errors.push(SettingError {
                        setting,
                        message: format!("give text in quotes, not {}", other.type_str()),
                    });
                    continue;
                }
            };
            self.file.insert(known_key, text);
        }
        path.clone_into(&mut self.file_path);
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// The setting that wins, if it was given at all.
    pub(crate) fn get(&self, key: &'static str) -> Option<Given> {
        let (text, setting) = if let Some(text) = self.flags.get(key) {
            (text, format!("--{key}"))
        } else if let Some(text) = self.variables.get(key) {
            (text, variable_name(key))
        } else {
            (self.file.get(key)?, in_file(key, &self.file_path))
        };
        Some(Given { text: text.clone(), setting })
    }
}

/// `UMBRA_LISTEN_API` for `listen-api`.
fn variable_name(key: &str) -> String {
    format!("UMBRA_{}", key.to_ascii_uppercase().replace('-', "_"))
}

fn in_file(key: &str, path: &Path) -> String {
    format!("{key} in {}", path.display())
}
