//! `ghostdet detect`.

mod tracks;

use crate::device::Ran;
use crate::draw;
use crate::options::{Network, io, parse_fraction, parse_size, print, write};
use crate::sources::{Source, expand};
use ghostdet::detection::boxes::xyxy_to_xywhn;
use ghostdet::detection::{Detection, NmsOptions};
use ghostdet::detector::{DetectOptions, Detections};
use ghostdet::image::Image;
use ghostdet::{Detector, Error, ErrorKind, Result};
use indicatif::{ProgressBar, ProgressDrawTarget};
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tracks::Follower;

/// Find objects in pictures
#[derive(clap::Args)]
#[command(after_help = "Examples:
  ghostdet detect photo.jpg
  ghostdet detect photos/ 'more/*.png' --save-dir out --save-txt
  ghostdet detect photo.jpg --classes person,boat --conf 0.4 --json
  ghostdet detect frames/ --track --line door=0,240,640,240 --save-dir out
  cat photo.jpg | ghostdet detect -")]
pub struct Args {
    /// Files, folders, globs, or - for standard input
    #[arg(required = true)]
    source: Vec<OsString>,
    #[command(flatten)]
    network: Network,
    /// Size pictures are fitted into: N or HxW [default: the weights' own]
    #[arg(long, value_name = "N", value_parser = parse_size)]
    imgsz: Option<[usize; 2]>,
    /// Scores above this are kept
    #[arg(long, default_value = "0.25", value_parser = parse_fraction)]
    conf: f64,
    /// Of boxes that overlap more than this the best is kept
    #[arg(long, default_value = "0.45", value_parser = parse_fraction)]
    iou: f64,
    /// Only these classes: names or numbers, like person,dog or 0,16
    #[arg(long, value_delimiter = ',')]
    classes: Vec<String>,
    /// Suppress overlapping boxes across classes
    #[arg(long)]
    agnostic: bool,
    /// At most this many boxes a picture
    #[arg(long, value_name = "N", default_value = "300")]
    max_det: usize,
    /// Save pictures with boxes drawn in this folder
    #[arg(long, value_name = "DIR")]
    save_dir: Option<PathBuf>,
    /// Save boxes in YOLO's format in the folder's labels/ (class x y w h)
    #[arg(long, requires = "save_dir")]
    save_txt: bool,
    /// Print JSON, one line a picture
    #[arg(long)]
    json: bool,
    #[command(flatten, next_help_heading = "Frames of a video")]
    tracks: tracks::Args,
}

#[derive(Serialize)]
struct Line<'a> {
    source: &'a str,
    width: usize,
    height: usize,
    model: &'a str,
    #[serde(flatten)]
    ran: Ran,
    speed: Milliseconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    saved: Option<String>,
    detections: Vec<Found<'a>>,
}

#[derive(Serialize)]
struct Milliseconds {
    decode: f64,
    letterbox: f64,
    network: f64,
    nms: f64,
}

#[derive(Serialize)]
struct Found<'a> {
    class: usize,
    name: &'a str,
    score: f32,
    r#box: [f32; 4],
    #[serde(skip_serializing_if = "Option::is_none")]
    track: Option<u64>,
}

impl Args {
    pub fn run(&self) -> Result<bool> {
        let detector = self.network.load()?;
        let mut options = DetectOptions { imgsz: self.imgsz, nms: self.nms(&detector)? };
        let mut follower = self.tracks.start(&mut options.nms)?;
        if let Some(folder) = &self.save_dir {
            let folder = if self.save_txt { folder.join("labels") } else { folder.clone() };
            std::fs::create_dir_all(&folder).map_err(|error| io(folder.display(), "can't be made", &error))?;
        }
        let (mut sources, mut failed) = (Vec::new(), false);
        for given in &self.source {
            let mut warnings = Vec::new();
            let found = expand(given, &mut warnings);
            warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
            match found {
                Ok(mut found) => {
                    self.tracks.order(&mut found);
                    sources.extend(found);
                }
                Err(error) => {
                    failed = true;
                    eprintln!("error: {error}");
                }
            }
        }
        if sources.is_empty() && !failed {
            failed = true;
            eprintln!("error: there is no picture to look at");
        }
        let bar = match std::io::stderr().is_terminal() && sources.len() >= 10 {
            true => ProgressBar::new(sources.len() as u64),
            false => ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()),
        };
        let mut taken = self.own_names(&sources);
        for source in &sources {
            match self.one(&detector, source, &options, &mut taken, &mut follower) {
                Ok(line) => bar.suspend(|| print(line))?,
                Err(error) => {
                    failed = true;
                    bar.suspend(|| eprintln!("error: {error}"));
                }
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        if let Some(follower) = follower {
            follower.finish(detector.names(), self.json)?;
        }
        Ok(!failed)
    }

    /// The names of those pictures that lie in `--save-dir` themselves: nothing is written over them.
    fn own_names(&self, sources: &[Source]) -> HashSet<String> {
        let folder = self.save_dir.as_deref().and_then(|folder| folder.canonicalize().ok());
        let name = |source: &Source| {
            let Source::File(path) = source else { return None };
            let parent = path.canonicalize().ok()?.parent()?.to_owned();
            let jpg = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("jpg"));
            (jpg && Some(parent) == folder).then(|| source.stem().to_lowercase())
        };
        sources.iter().filter_map(name).collect()
    }

    fn nms(&self, detector: &Detector) -> Result<NmsOptions> {
        let names = detector.names();
        let class = |text: &String| {
            let text = text.trim();
            let number = text.parse::<usize>().ok().filter(|class| *class < names.len());
            names.iter().position(|name| name == text).or(number).ok_or_else(|| {
                Error::new(ErrorKind::Argument, format!("the network knows no class {text:?}"))
                    .at("--classes")
                    .hint(format!("it knows {}", names.join(", ")))
            })
        };
        let classes = self.classes.iter().map(class).collect::<Result<Vec<usize>>>()?;
        Ok(NmsOptions {
            conf: self.conf as f32,
            iou: self.iou,
            classes: (!classes.is_empty()).then_some(classes),
            agnostic: self.agnostic,
            multi_label: false,
            max_det: self.max_det,
        })
    }

    fn one(
        &self,
        detector: &Detector,
        source: &Source,
        options: &DetectOptions,
        taken: &mut HashSet<String>,
        follower: &mut Option<Follower>,
    ) -> Result<String> {
        let name = source.name();
        let seen = self.look(detector, source, options).map_err(|error| match error.place() {
            Some(_) => error,
            None => error.at(&name),
        });
        let mut tracks = Vec::new();
        let seen = match follower {
            None => seen,
            Some(follower) => {
                // A frame that can't be read takes its time, too.
                let (followed, numbers) =
                    follower.follow(seen.as_ref().ok().map(|(_, _, found)| &found.detections[..]));
                tracks = numbers;
                seen.map(|(image, decode, found)| (image, decode, Detections { detections: followed, ..found }))
            }
        };
        let (image, decode, found) = seen?;
        let saved = match &self.save_dir {
            Some(folder) => {
                let names = detector.names();
                let mut picture = match follower {
                    None => draw::annotate(&image, &found.detections, names),
                    Some(_) => draw::annotate_as(&image, &found.detections, |at, class| {
                        format!("{} #{}", names.get(class).map_or("?", String::as_str), tracks[at])
                    }),
                };
                for counts in follower.iter().flat_map(Follower::counts) {
                    draw::border(&mut picture, counts.border());
                }
                Some(self.save(folder, source, &picture, &found.detections, taken)?)
            }
            None => None,
        };
        match self.json {
            true => json(&name, detector, decode, &found, &tracks, saved),
            false => {
                let line = human(&name, detector.names(), decode, &found);
                // Only a name that is not the picture's own has to be told.
                let other = saved.filter(|saved| !saved.ends_with(&format!("{}.jpg", source.stem())));
                Ok(other.map_or(line.clone(), |saved| format!("{line} as {saved}")))
            }
        }
    }

    /// The picture, the milliseconds of its decoding, and what was found in it.
    fn look(&self, detector: &Detector, source: &Source, options: &DetectOptions) -> Result<(Image, f64, Detections)> {
        let bytes = source.bytes()?;
        let start = Instant::now();
        let image = Image::decode(&bytes)?;
        let decode = start.elapsed().as_secs_f64() * 1e3;
        let found = detector.detect(&image, options)?;
        Ok((image, decode, found))
    }

    fn save(
        &self,
        folder: &Path,
        source: &Source,
        annotated: &Image,
        detections: &[Detection],
        taken: &mut HashSet<String>,
    ) -> Result<String> {
        // Pictures of one name from several folders don't overwrite each other.
        let stem = source.stem();
        let mut name = stem.clone();
        let mut count = 1;
        // Some file systems don't tell "a" from "A".
        while !taken.insert(name.to_lowercase()) {
            count += 1;
            name = format!("{stem}-{count}");
        }
        let saved = folder.join(format!("{name}.jpg"));
        write(&saved, &draw::encode(annotated, "jpg")?)?;
        if self.save_txt {
            let size = (annotated.width as f32, annotated.height as f32);
            let lines: String = detections
                .iter()
                .map(|found| {
                    let [x, y, w, h] = xyxy_to_xywhn(found.bounds, size, None);
                    format!("{} {x:.6} {y:.6} {w:.6} {h:.6}\n", found.class)
                })
                .collect();
            write(&folder.join("labels").join(format!("{name}.txt")), lines.as_bytes())?;
        }
        Ok(saved.display().to_string())
    }
}

fn json(
    source: &str,
    detector: &Detector,
    decode: f64,
    found: &Detections,
    tracks: &[u64],
    saved: Option<String>,
) -> Result<String> {
    let names = detector.names();
    let speed =
        Milliseconds { decode, letterbox: found.speed.letterbox, network: found.speed.network, nms: found.speed.nms };
    let one = |(at, d): (usize, &Detection)| Found {
        class: d.class,
        name: names.get(d.class).map_or("", String::as_str),
        score: d.score,
        r#box: d.bounds,
        track: tracks.get(at).copied(),
    };
    let line = Line {
        source,
        width: found.width,
        height: found.height,
        model: &detector.info().architecture,
        ran: Ran::on(detector.engine()),
        speed,
        saved,
        detections: found.detections.iter().enumerate().map(one).collect(),
    };
    serde_json::to_string(&line).map_err(|error| Error::new(ErrorKind::Numeric, error.to_string()).at(source))
}

/// `photo.jpg 512x512: 2 person, 1 dog (34 ms)`.
fn human(source: &str, names: &[String], decode: f64, found: &Detections) -> String {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    found.detections.iter().for_each(|d| *counts.entry(d.class).or_default() += 1);
    let what: Vec<String> = counts
        .iter()
        .map(|(class, count)| format!("{count} {}", names.get(*class).map_or("?", String::as_str)))
        .collect();
    let what = if what.is_empty() { "nothing found".to_owned() } else { what.join(", ") };
    let total = decode + found.speed.letterbox + found.speed.network + found.speed.nms;
    format!("{source} {}x{}: {what} ({total:.0} ms)", found.width, found.height)
}
