//! The member that a task is about, when the host takes it out and hands it to the guest.
//!
//! Guests unpack archives themselves, since what lies beside a program may matter to it. An attachment is opened by itself, and which name
//! it has is for the reader of the mail to say: so there is one reader, the one that made the tasks.

use std::fs::File;
use std::io::{self, Seek as _};

use forensics::filetype;
use store::sandbox::{Category, Task};

use super::Samples;
use super::members::{self, Format};
use crate::api::fields::file_name;
use crate::api::options;

/// A member, out of its archive.
#[derive(Debug)]
pub struct Chosen {
    /// What it is called in the guest.
    pub name: String,
    pub file: File,
    pub length: u64,
    /// In the words of `file`.
    pub file_type: String,
}

/// A task about a member of something.
#[derive(Clone, Debug)]
pub struct Choice {
    pub format: Format,
    pub member: String,
    password: Option<String>,
    sha256: String,
}

impl Choice {
    /// What a task is about, if that is a member.
    pub fn of(task: &Task) -> Option<Self> {
        let sample = task.sample.as_ref().filter(|_| task.category == Category::Archive)?;
        let format = Format::of(&sample.digests.file_type, task.file_name())?;
        let given = task.options.as_deref().unwrap_or_default();
        let option = |wanted: &str| options::pairs(given).find(|(name, _)| *name == wanted);
        let member = option("filename")?.1.to_owned();
        let password = option("password").map(|(_, password)| password.to_owned());
        Some(Self { format, member, password, sha256: sample.digests.sha256.clone() })
    }

    /// Takes the member out. It lies in a file without a name.
    pub fn take(&self, samples: &Samples) -> io::Result<Chosen> {
        let archive = samples.open_sample(&self.sha256)?;
        let mut file = tempfile::tempfile_in(samples.folders().1)?;
        let password = self.password.as_deref();
        if !members::content(archive, self.format, password, &self.member, &mut file)? {
            return Err(io::Error::other("it is not there, or cannot be read whole"));
        }
        let length = file.stream_position()?;
        file.rewind()?;
        let mut start = Vec::new();
        io::Read::read_to_end(&mut io::Read::take(&mut file, filetype::ENOUGH as u64), &mut start)?;
        file.rewind()?;
        let name = file_name(&self.member, &self.sha256);
        Ok(Chosen { name, file, length, file_type: filetype::of(&start).description })
    }

    /// The same from async code, with its error in words.
    pub async fn taken(self, samples: Samples) -> Result<Chosen, String> {
        let member = self.member.clone();
        let taken = tokio::task::spawn_blocking(move || self.take(&samples)).await;
        let taken = taken.map_err(io::Error::other).and_then(|taken| taken);
        taken.map_err(|error| format!("the member {member} cannot be taken out: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use store::sandbox::Sample;

    use super::*;

    const MAIL: &[u8] = b"Subject: x\r\nContent-Type: multipart/mixed; boundary=cut\r\n\r\n--cut\r\nContent-Disposition: attachment; filename=a.sh\r\n\r\n\
        #!/bin/sh\nid\n\r\n--cut--\r\n";

    fn task(category: Category, digests: store::sandbox::Digests, options: &str) -> Task {
        Task {
            category,
            target: "/uploads/1/invoice.eml".into(),
            options: Some(options.into()),
            sample_id: Some(1),
            sample: Some(Sample { id: 1, digests }),
            ..crate::example::task()
        }
    }

    #[tokio::test]
    async fn what_the_task_names_is_taken_out() {
        let dir = tempfile::tempdir().unwrap();
        let samples = Samples::open(dir.path()).unwrap();
        let mut receiving = samples.receive(1000);
        receiving.push(bytes::Bytes::from_static(MAIL)).await.unwrap();
        let received = receiving.finish().await.unwrap();
        let digests = received.digests.clone();
        samples.keep(received).unwrap();
        let choice = |category, options| Choice::of(&task(category, digests.clone(), options));
        let taken = choice(Category::Archive, "free=yes,filename=a.sh")
            .unwrap()
            .taken(samples.clone())
            .await
            .unwrap();
        assert_eq!((&*taken.name, taken.length), ("a.sh", 13));
        assert!(taken.file_type.contains("shell script"), "{}", taken.file_type);
        assert_eq!(io::read_to_string(taken.file).unwrap(), "#!/bin/sh\nid\n");
        let error =
            choice(Category::Archive, "filename=b.sh").unwrap().taken(samples.clone()).await.unwrap_err();
        assert!(error.contains("b.sh cannot be taken out"), "{error}");
        assert!(
            choice(Category::File, "filename=a.sh").is_none()
                && choice(Category::Archive, "free=yes").is_none()
        );
    }
}
