//! Putting one file into a store that speaks HTTP.

use reqwest::header::CONTENT_LENGTH;
use vql::args::Args;
use vql::call::{Error, Stop};
use vql::value::{Value, convert};

use super::dial::Dialler;
use super::exchange::{Call, Exchange, Failure};
use super::upload::{Body, Part};
use crate::accessor::{self, Target, reason};

/// How much of a refusal is shown.
const ANSWER: usize = 500;

/// A file to put somewhere.
pub struct File {
    target: Target,
    /// What it is called there.
    pub name: String,
    part: Part,
    size: u64,
}

impl File {
    /// The file that the arguments name.
    pub fn open(args: &Args<'_>, file: usize, name: usize, accessor: usize) -> Result<Self, Error> {
        let target = accessor::resolve(args, file, accessor)?;
        let title = convert::to_text(&target.title()).to_str_lossy().into_owned();
        let name = match args.string(name)? {
            given if given.is_empty() => title,
            given => given,
        };
        let content = target.open(args.scope).map_err(|e| target.failure(&e))?;
        let part = Part::file(content).map_err(|e| Error::new(reason(&e)))?;
        let size = part.length().ok_or_else(|| Error::from("the file does not know its length"))?;
        Ok(File { target, name, part, size })
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// Sends it; what it is called where, and how long it is.
    pub fn put(self, args: &Args<'_>, mut call: Call) -> Result<Value, Error> {
        Dialler::new(args.scope)?.check(&call.trust)?;
        call.headers.insert(CONTENT_LENGTH, self.size.into());
        call.body = Body::parts(vec![self.part]);
        let shown = {
            let mut url = call.url.clone();
            // The query may hold a signature.
            url.set_query(None);
            let _ = url.set_password(None);
            url.to_string()
        };
        let mut exchange = Exchange::start(args.scope, call)?;
        let outcome = exchange.head(args.scope).and_then(|head| match head.status {
            200..300 => Ok(()),
            status => {
                let mut text = exchange.piece(args.scope)?.map(|piece| piece.to_vec()).unwrap_or_default();
                text.truncate(ANSWER);
                let text = String::from_utf8_lossy(&text).into_owned();
                Err(Failure::Failed(format!("the server answered {status}: {text}")))
            }
        });
        match outcome.map_err(Stop::from) {
            Ok(()) => Ok(Value::dict([
                ("Path", Value::from(shown)),
                ("Size", Value::Int(self.size as i64)),
                ("Source", self.target.title()),
            ])),
            Err(Stop::Failed(e)) => Err(e),
            Err(Stop::Done) => Ok(Value::Null),
        }
    }
}

/// The components of a name as a path of a URL; what is special in it is written `%XX`.
pub fn url_path(name: &str) -> String {
    let mut path = String::new();
    for component in name.split('/').filter(|c| !c.is_empty() && *c != "." && *c != "..") {
        if !path.is_empty() {
            path.push('/');
        }
        let mut escaped = String::new();
        super::form::escape(component.as_bytes(), &mut escaped);
        path += &escaped.replace('+', "%20");
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_paths() {
        assert_eq!(url_path("/a b/../c+d/ü?.txt"), "a%20b/c%2Bd/%C3%BC%3F.txt");
    }
}
