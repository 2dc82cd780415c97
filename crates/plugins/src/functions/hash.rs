//! `hash(path=, accessor=, hashselect=, max_size=)`: the digests of a file, in one pass over it.

use std::sync::{Arc, LazyLock};

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::host::Level;
use vql::permission::Permission;
use vql::schema::Schema;
use vql::value::{Row, Value, convert};

use crate::accessor::{self, Content, Target, hex, read_full};

const PATH: usize = 0;
const ACCESSOR: usize = 1;
const HASHSELECT: usize = 2;
const MAX_SIZE: usize = 3;

/// How much of a file is hashed unless `max_size` or `HASH_MAX_SIZE` says otherwise.
const DEFAULT_MAX_SIZE: u64 = 100 << 20;

/// Reading starts with the small block, so that small files cost little.
const SMALL_BLOCK: usize = 32 << 10;
const BLOCK: usize = 256 << 10;

/// The bytes of one step of MD5, SHA1 and SHA256 alike.
const DIGEST_BLOCK: usize = 64;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "hash",
        doc: "The MD5, SHA1 and SHA256 of a file; NULL when it cannot be read.",
        category: Category::Encoding,
        args: &[
            Arg::required("path", Type::Path, "The file to hash."),
            Arg::optional("accessor", Type::Str, "How to read the file.").with_default("\"auto\""),
            Arg::optional(
                "hashselect",
                Type::StrList,
                "Which of MD5, SHA1 and SHA256 to calculate; all by default.",
            ),
            Arg::optional(
                "max_size",
                Type::Uint,
                "Bytes to hash at most; HASH_MAX_SIZE or 100 MiB by default.",
            ),
        ],
        permissions: &[Permission::FilesystemRead],
        version: 3,
        examples: &[
            Example::new(
                "One of them",
                "hash(path='hello', accessor='data', hashselect='MD5')",
                r#"{"MD5":"5d41402abc4b2a76b9719d911017c592","SHA1":"","SHA256":""}"#,
            ),
            Example::new(
                "A member",
                "hash(path='hello', accessor='data').SHA256",
                "\"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\"",
            ),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| Schema::of(["MD5", "SHA1", "SHA256"]));

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let target = accessor::resolve(args, PATH, ACCESSOR)?;
    let mut hashes = Hashes::selected(args)?;
    let max_size = max_size(args)?;
    let mut file = target.open(args.scope).map_err(|e| target.failure(&e))?;
    if hashes.read(args, &target, &mut *file, max_size)? {
        let name = convert::to_text(&target.title());
        let line = format!("hash: {}: only the first {max_size} bytes were hashed", name.to_str_lossy());
        args.scope.log(Level::Default, line);
    }
    Ok(hashes.finish())
}

fn max_size(args: &Args<'_>) -> Result<u64, Error> {
    let given = args.uint(MAX_SIZE, 0)?;
    if given > 0 {
        return Ok(given);
    }
    let variable = args.scope.variable("HASH_MAX_SIZE").and_then(|v| match v {
        Value::Text(t) => t.to_str_lossy().trim().parse().ok(),
        v => convert::to_int_arg(&v).and_then(|i| u64::try_from(i).ok()),
    });
    Ok(variable.filter(|size| *size > 0).unwrap_or(DEFAULT_MAX_SIZE))
}

#[derive(Default)]
struct Hashes {
    md5: Option<Md5>,
    sha1: Option<Sha1>,
    sha256: Option<Sha256>,
}

impl Hashes {
    fn selected(args: &Args<'_>) -> Result<Self, Error> {
        let selected = args.text_list(HASHSELECT)?;
        let mut hashes = Hashes::default();
        for name in &selected {
            match name.to_ascii_uppercase().as_slice() {
                b"MD5" => hashes.md5 = Some(Md5::new()),
                b"SHA1" => hashes.sha1 = Some(Sha1::new()),
                b"SHA256" => hashes.sha256 = Some(Sha256::new()),
                _ => return Err(Error::new(format!("hashselect: unknown hash {}", name.to_str_lossy()))),
            }
        }
        if selected.is_empty() {
            hashes = Hashes { md5: Some(Md5::new()), sha1: Some(Sha1::new()), sha256: Some(Sha256::new()) };
        }
        Ok(hashes)
    }

    /// Hashes a file; true when there was more of it than `max_size`.
    fn read(
        &mut self,
        args: &Args<'_>,
        target: &Target,
        file: &mut dyn Content,
        max_size: u64,
    ) -> Result<bool, Error> {
        let mut block = vec![0; SMALL_BLOCK];
        let mut left = max_size;
        loop {
            // One byte more than is allowed tells whether there is more.
            let wanted = block.len().min(usize::try_from(left.saturating_add(1)).unwrap_or(usize::MAX));
            let count = read_full(file, &mut block[..wanted]).map_err(|e| target.failure(&e))?;
            let used = count.min(usize::try_from(left).unwrap_or(usize::MAX));
            self.update(&block[..used]);
            left -= used as u64;
            if used < count {
                return Ok(true);
            }
            if count < wanted {
                return Ok(false);
            }
            if args.scope.cancel().is_cancelled() {
                return Err("cancelled".into());
            }
            if block.len() < BLOCK {
                block.resize(BLOCK, 0);
            }
        }
    }

    /// Block by block, each digest in turn: one alone waits for its own last step at every step, and the processor fills
    /// that time with the steps of the others.
    fn update(&mut self, bytes: &[u8]) {
        let count = usize::from(self.md5.is_some())
            + usize::from(self.sha1.is_some())
            + usize::from(self.sha256.is_some());
        let piece = if count > 1 { DIGEST_BLOCK } else { BLOCK };
        for piece in bytes.chunks(piece) {
            if let Some(md5) = &mut self.md5 {
                md5.update(piece);
            }
            if let Some(sha1) = &mut self.sha1 {
                sha1.update(piece);
            }
            if let Some(sha256) = &mut self.sha256 {
                sha256.update(piece);
            }
        }
    }

    fn finish(self) -> Value {
        let cells = vec![
            self.md5.map_or_else(|| Value::from(""), |h| Value::from(hex(&h.finalize()))),
            self.sha1.map_or_else(|| Value::from(""), |h| Value::from(hex(&h.finalize()))),
            self.sha256.map_or_else(|| Value::from(""), |h| Value::from(hex(&h.finalize()))),
        ];
        Row { schema: SCHEMA.clone(), cells }.into()
    }
}
