//! Pictures of the screen: each second, when it changed (the sandbox reference, section 8).

use std::convert::Infallible;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::Mutex;

use crate::machine::Vm;
use crate::scheduler::Run;

const EVERY: Duration = Duration::from_secs(1);
/// Pictures of one analysis.
const MAX_PICTURES: u32 = 1000;
/// Bytes of one picture, unpacked.
const MAX_BYTES: usize = 64 << 20;
const QUALITY: u8 = 80;

pub struct Watch {
    shots: PathBuf,
    incoming: PathBuf,
    is_on: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    taken: u32,
    last: Vec<u8>,
}

impl Watch {
    /// For one run; off when its options say so.
    pub fn new(run: &Run) -> Self {
        let options = run.task.options.as_deref().unwrap_or_default();
        let off = crate::api::options::pairs(options)
            .any(|(name, value)| name == "screenshots" && crate::api::options::is_off(value));
        Self {
            shots: run.folder.path().join("shots"),
            incoming: run.sandbox.samples.folders().1.to_owned(),
            is_on: !off,
            state: Mutex::default(),
        }
    }

    /// Takes pictures for as long as it is asked to.
    pub async fn watch(&self, guest: &Vm) -> Infallible {
        loop {
            self.shoot(guest).await;
            tokio::time::sleep(EVERY).await;
        }
    }

    /// One picture, if it shows something new.
    pub async fn shoot(&self, guest: &Vm) {
        if !self.is_on || guest.end().is_some() {
            return;
        }
        if let Err(error) = self.picture(guest).await {
            tracing::debug!(target: "sandbox", error, "no picture of the screen");
        }
    }

    async fn picture(&self, guest: &Vm) -> Result<(), String> {
        let file = tempfile::NamedTempFile::new_in(&self.incoming).map_err(|error| error.to_string())?;
        guest.screenshot(file.path()).await.map_err(|error| error.to_string())?;
        let decoded = decode(file.path()).map_err(|error| error.to_string())?;
        let mut state = self.state.lock();
        if state.last == decoded.pixels || state.taken == MAX_PICTURES {
            return Ok(());
        }
        while state.taken < MAX_PICTURES {
            state.taken += 1;
            let path = self.shots.join(format!("{:04}.jpg", state.taken));
            match encode(&path, &decoded) {
                // The guest sent one under this name.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error.to_string()),
                Ok(()) => break,
            }
        }
        state.last = decoded.pixels;
        Ok(())
    }
}

struct Picture {
    width: u16,
    height: u16,
    /// Red, green and blue of each point.
    pixels: Vec<u8>,
}

fn decode(path: &Path) -> io::Result<Picture> {
    let limits = png::Limits { bytes: MAX_BYTES };
    let decoder = png::Decoder::new_with_limits(io::BufReader::new(fs::File::open(path)?), limits);
    let mut reader = decoder.read_info()?;
    let size = reader.output_buffer_size().filter(|size| *size <= MAX_BYTES);
    let mut pixels = vec![0; size.ok_or(io::ErrorKind::InvalidData)?];
    let info = reader.next_frame(&mut pixels)?;
    pixels.truncate(info.buffer_size());
    let side = |length: u32| u16::try_from(length).map_err(|_| io::Error::from(io::ErrorKind::InvalidData));
    match info.color_type {
        png::ColorType::Rgb => {}
        png::ColorType::Rgba => {
            pixels = pixels.chunks_exact(4).flat_map(|point| [point[0], point[1], point[2]]).collect()
        }
        _ => return Err(io::ErrorKind::InvalidData.into()),
    }
    Ok(Picture { width: side(info.width)?, height: side(info.height)?, pixels })
}

fn encode(path: &Path, picture: &Picture) -> io::Result<()> {
    let mut bytes = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut bytes, QUALITY);
    let encoded =
        encoder.encode(&picture.pixels, picture.width, picture.height, jpeg_encoder::ColorType::Rgb);
    encoded.map_err(io::Error::other)?;
    fs::File::create_new(path).and_then(|mut file| io::Write::write_all(&mut file, &bytes))
}
