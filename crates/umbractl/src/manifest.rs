//! Manifests: which files, what is in them, and where in them a problem is.

mod lines;

use std::{
    collections::HashMap,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use serde::Serialize;
use umbra_resource::{Problem, Resource, from_yaml};

use self::lines::Lines;
use crate::{cli::Files, client::answer::ApiFieldError, failure::Failure};

/// Longer files are not manifests; the control plane takes no more than this either.
const MAX_FILE_BYTES: u64 = umbra_resource::MAX_TEXT_BYTES as u64;

/// What was read from files.
pub(crate) struct Manifests {
    /// In the order of the files and of the documents in them.
    pub(crate) resources: Vec<Resource>,
    /// Where each of them is.
    pub(crate) origins: Origins,
}

/// Where resources are, by `Shadow/checkout-v2`.
#[derive(Debug, Default)]
pub(crate) struct Origins {
    places: HashMap<String, Vec<Place>>,
    /// The lines that the documents of the file last added begin on.
    documents: Vec<u64>,
}

/// Where a resource is.
#[derive(Debug)]
struct Place {
    file: String,
    document: usize,
    lines: Lines,
}

/// One thing that is wrong, and where.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Finding {
    /// The file's name; `None` where the problem is not in a file.
    pub(crate) file: Option<String>,
    /// The document in the file, counted from 1, empty ones left out.
    pub(crate) document: Option<usize>,
    /// The line in the file, counted from 1: of the field, or of the innermost thing around it.
    pub(crate) line: Option<u64>,
    /// `Shadow/checkout-v2`.
    pub(crate) resource: Option<String>,
    /// `spec.percent`; empty where it is the whole.
    pub(crate) field: String,
    /// What is wrong, and what would be right.
    pub(crate) message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}:")?;
            if let Some(line) = self.line {
                write!(f, "{line}:")?;
            }
            f.write_str(" ")?;
        }
        if let Some(document) = self.document {
            write!(f, "document {document}: ")?;
        }
        if let Some(resource) = &self.resource {
            write!(f, "{resource}: ")?;
        }
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)
    }
}

/// Reads all the files, and lists every problem in any of them.
///
/// # Errors
/// Where a file cannot be read (exit code 2), or is not valid (exit code 1).
pub(crate) fn read(files: &Files) -> Result<Manifests, Failure> {
    let (manifests, findings) = read_all(files)?;
    if findings.is_empty() { Ok(manifests) } else { Err(Failure::invalid(&findings)) }
}

/// As [`read`], for commands that have nothing to do without a resource.
///
/// # Errors
/// As for [`read`], and where there is none (exit code 2).
pub(crate) fn read_some(files: &Files) -> Result<Manifests, Failure> {
    let manifests = read(files)?;
    if manifests.resources.is_empty() {
        return Err(Failure::error("there is no resource in these files"));
    }
    Ok(manifests)
}

/// Reads all the files: what is valid, and everything that is wrong.
///
/// # Errors
/// Where a file cannot be read.
pub(crate) fn read_all(files: &Files) -> Result<(Manifests, Vec<Finding>), Failure> {
    let mut manifests = Manifests { resources: Vec::new(), origins: Origins::default() };
    let mut findings = Vec::new();
    for file in expand(&files.filename, files.recursive)? {
        let name = if is_stdin(&file) { "stdin".to_owned() } else { file.display().to_string() };
        let text = text_of(&file).map_err(|error| Failure::error(format!("{name}: {error}")))?;
        let mut in_file = Origins::default();
        in_file.add(&name, &text);
        match from_yaml(&text) {
            Ok(resources) => manifests.resources.extend(resources),
            Err(problems) => findings.extend(
                problems
                    .into_iter()
                    .map(|problem| Finding { file: Some(name.clone()), ..in_file.locate_problem(problem) }),
            ),
        }
        manifests.origins.merge(in_file);
    }
    Ok((manifests, findings))
}

impl Origins {
    fn add(&mut self, file: &str, text: &str) {
        for (index, document) in lines::of_documents(text).into_iter().enumerate() {
            self.documents.push(document.line_of(""));
            for (name, lines) in document.into_resources() {
                let place = Place { file: file.to_owned(), document: index + 1, lines };
                self.places.entry(name).or_default().push(place);
            }
        }
    }

    fn merge(&mut self, other: Origins) {
        for (name, places) in other.places {
            self.places.entry(name).or_default().extend(places);
        }
    }

    /// A problem with its place.
    pub(crate) fn locate_problem(&self, problem: Problem) -> Finding {
        self.find(problem.resource, problem.field, problem.message)
    }

    /// What the control plane says of a field, with its place.
    pub(crate) fn locate(&self, error: &ApiFieldError) -> Finding {
        self.find(error.resource.clone(), error.field.clone(), error.message.clone())
    }

    fn find(&self, resource: Option<String>, field: String, message: String) -> Finding {
        if let Some((document, rest)) = resource.as_deref().and_then(document_number) {
            return Finding {
                file: None,
                document: Some(document),
                line: syntax_line(&message).or_else(|| self.documents.get(document.checked_sub(1)?).copied()),
                resource: rest,
                field,
                message,
            };
        }
        // Of several resources with one name the last is the one too many.
        let place = resource.as_ref().and_then(|name| self.places.get(name)).and_then(|places| places.last());
        Finding {
            file: place.map(|place| place.file.clone()),
            document: place.map(|place| place.document),
            line: place.map(|place| place.lines.line_of(&field)),
            resource,
            field,
            message,
        }
    }
}

/// The number in `document 2` or `document 2, items[3]`, as a resource is called whose name cannot be told, and the
/// rest of it.
fn document_number(resource: &str) -> Option<(usize, Option<String>)> {
    let place = resource.strip_prefix("document ")?;
    let (number, rest) = match place.split_once(", ") {
        Some((number, rest)) => (number, Some(rest.to_owned())),
        None => (place, None),
    };
    Some((number.parse().ok()?, rest))
}

/// The line in `line 3, column 4: …`, as what is no YAML is reported.
fn syntax_line(message: &str) -> Option<u64> {
    message.strip_prefix("line ")?.split_once(',')?.0.parse().ok()
}

/// The files themselves, in place of the directories.
fn expand(given: &[PathBuf], recursive: bool) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in given {
        if !path.is_dir() {
            if is_stdin(path) && files.contains(path) {
                return Err(Failure::error("standard input can be read only once: give one `-f -`"));
            }
            files.push(path.clone());
            continue;
        }
        let before = files.len();
        walk(path, recursive, &mut files)
            .map_err(|error| Failure::error(format!("{}: {error}", path.display())))?;
        if files.len() == before {
            let deeper = if recursive { "" } else { "; -R looks into its directories too" };
            return Err(Failure::error(format!(
                "{}: no *.yaml, *.yml or *.json in it{deeper}",
                path.display()
            )));
        }
    }
    Ok(files)
}

fn walk(directory: &Path, recursive: bool, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory)? {
        entries.push(entry?);
    }
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // A link to a directory may lead round in a circle: only directories themselves are entered.
        if entry.file_type()?.is_dir() {
            if recursive {
                walk(&path, recursive, files)?;
            }
        } else if has_manifest_extension(&path) && path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

fn has_manifest_extension(path: &Path) -> bool {
    path.extension().is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known))
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn text_of(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = if is_stdin(path) {
        read_bounded(io::stdin().lock(), &mut text)?
    } else {
        read_bounded(fs::File::open(path)?, &mut text)?
    };
    if read > MAX_FILE_BYTES {
        return Err(io::Error::other(format!("longer than {MAX_FILE_BYTES} bytes: this is not a manifest")));
    }
    Ok(text)
}

fn read_bounded(source: impl io::Read, text: &mut String) -> io::Result<u64> {
    let read = io::Read::read_to_string(&mut source.take(MAX_FILE_BYTES + 1), text)?;
    Ok(read as u64)
}
