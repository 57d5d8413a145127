//! `ghostdet data`: data sets for training.

use crate::options::print;
use clap::Subcommand;
use ghostdet::data::{Dataset, Split};
use ghostdet::{Error, ErrorKind, Result};
use ghostdet_train::convert::{Cut, Report, Target, Validation, Voc, coco, subset, voc};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Convert data sets to YOLO folders, cut classes out of one
#[derive(clap::Args)]
#[command(after_help = "Examples:
  ghostdet data convert instances_train2017.json --images train2017 --out coco
  ghostdet data convert VOC2012/ --out voc --val-list VOC2012/ImageSets/Main/val.txt
  ghostdet data subset data.yaml --classes cat,dog --limit 300 --out pets")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// From COCO JSON or Pascal VOC XML to YOLO folders: pictures, labels, data.yaml
    Convert(Convert),
    /// Pictures with objects of some classes, as YOLO folders
    Subset(Subset),
}

#[derive(clap::Args)]
struct Convert {
    /// A COCO .json, or a folder of VOC (Annotations and JPEGImages, or XML files beside their pictures)
    data: PathBuf,
    /// The folder with the pictures
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
    /// The new folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The share of the pictures that is for validation
    #[arg(long, default_value_t = 0.1, value_name = "PART", conflicts_with = "val_list")]
    val: f64,
    /// Decides which ones
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// A text file that names the pictures for validation, one a line
    #[arg(long, value_name = "FILE")]
    val_list: Option<PathBuf>,
    /// A text file that names the pictures to train on [default: all others]
    #[arg(long, value_name = "FILE", requires = "val_list")]
    train_list: Option<PathBuf>,
    /// VOC: the class names in their order, with commas [default: all that occur, by alphabet]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    names: Vec<String>,
    /// VOC: keep objects that are marked as difficult
    #[arg(long)]
    difficult: bool,
    /// Copy pictures where they could be linked
    #[arg(long)]
    copy: bool,
    /// Replace an older conversion in --out
    #[arg(long)]
    force: bool,
}

#[derive(clap::Args)]
struct Subset {
    /// A YOLO data.yaml, a COCO .json, or a pack .bin; several packs are joined
    #[arg(required = true, num_args = 1..)]
    data: Vec<PathBuf>,
    /// The folder with a COCO file's pictures
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
    /// Where pictures to validate on come from [default: the data.yaml's own, else a part of the data]
    #[arg(long, value_name = "DATA")]
    val: Option<PathBuf>,
    /// Class names, with commas
    #[arg(long, required = true, value_name = "NAMES", value_delimiter = ',')]
    classes: Vec<String>,
    /// At most so many pictures to train on
    #[arg(long, default_value_t = 300, value_name = "N")]
    limit: usize,
    /// At most so many pictures to validate on
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit_val: usize,
    /// Decides which ones
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// The new folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Replace an older conversion in --out
    #[arg(long)]
    force: bool,
}

impl Args {
    pub fn run(&self) -> Result<bool> {
        let report = match &self.what {
            What::Convert(args) => args.run()?,
            What::Subset(args) => args.run()?,
        };
        report.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
        let Report { train, val, boxes, left_out, names, yaml, warnings } = report;
        let classes = names.len();
        if boxes == 0 {
            eprintln!("warning: there is nothing to find: no box was written");
        }
        print(format!("{train} pictures to train on, {val} to validate on, {boxes} boxes of {classes} classes"))?;
        match left_out {
            0 => {}
            1 => print("1 box was left out; it is named above")?,
            count => print(format!("{count} boxes were left out, each named above"))?,
        }
        match warnings.len() {
            0 => {}
            1 => print("1 warning above")?,
            count => print(format!("{count} warnings above"))?,
        }
        print(yaml.display())?;
        Ok(true)
    }
}

impl Convert {
    fn run(&self) -> Result<Report> {
        let validation = match &self.val_list {
            Some(val) => Validation::Lists { train: self.train_list.clone(), val: val.clone() },
            None => Validation::Share { share: self.val, seed: self.seed },
        };
        outside(&self.data, &self.out)?;
        let target = Target { out: self.out.clone(), validation, copy: self.copy, force: self.force };
        if self.data.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) {
            if !self.names.is_empty() || self.difficult {
                return Err(Error::new(ErrorKind::Argument, "--names and --difficult are for Pascal VOC")
                    .at(self.data.display())
                    .hint("leave them out: COCO annotations have their own categories"));
            }
            let beside = self.data.parent().unwrap_or(Path::new("")).to_owned();
            return coco(&self.data, self.images.as_deref().unwrap_or(&beside), &target);
        }
        let mut set = Voc { names: self.names.clone(), difficult: self.difficult, ..Voc::at(&self.data) };
        if let Some(images) = &self.images {
            set.images.clone_from(images);
        }
        voc(&set, &target)
    }
}

impl Subset {
    fn run(&self) -> Result<Report> {
        self.data.iter().try_for_each(|data| outside(data, &self.out))?;
        let open = |path: &Path, split| Dataset::open_split(path, self.images.as_deref(), split);
        let parts = self.data.iter().map(|path| open(path, Split::Train));
        let data = Dataset::join(parts.collect::<Result<Vec<_>>>()?)?;
        let yaml = |end: &OsStr| end.eq_ignore_ascii_case("yaml") || end.eq_ignore_ascii_case("yml");
        let first = self.data.first().filter(|path| path.extension().is_some_and(yaml));
        let val = match &self.val {
            Some(path) => Some(Dataset::open(path, self.images.as_deref())?),
            None => first.map(|path| open(path, Split::Val)).transpose()?,
        };
        let Self { classes, limit, limit_val, seed, .. } = self;
        let cut = Cut { classes: classes.clone(), limit: *limit, limit_val: *limit_val, seed: *seed };
        subset(&data, val.as_ref(), &cut, &self.out, self.force)
    }
}

/// Fails if the source lies in the folder that would be replaced.
fn outside(source: &Path, out: &Path) -> Result<()> {
    match (source.canonicalize(), out.canonicalize()) {
        (Ok(source), Ok(out)) if source.starts_with(&out) => {
            Err(Error::new(ErrorKind::Argument, "the data to convert lie in the folder that is written")
                .at(out.display())
                .hint("name another folder with --out"))
        }
        _ => Ok(()),
    }
}
