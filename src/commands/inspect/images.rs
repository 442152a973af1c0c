//! Which images to show, and showing them: in the terminal, on a contact sheet, or as numbers in JSON.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use mnist_fast::augment::distortion;
use mnist_fast::dataset::{Dataset, Split};
use mnist_fast::draw::{self, Image, Tile};
use mnist_fast::nearest::nearest;
use mnist_fast::target::Target;
use mnist_fast::{Error, Result};
use mnist_fast_kernels::{Distortion, DistortionRange, Kernels};

use super::super::augment;
use super::super::data::Source;
use crate::args::Args;
use crate::output::{JsonLine, thousands};

/// A part of the dataset after the split.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Train,
    Validation,
    Test,
}

impl Part {
    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "train" => Part::Train,
            "validation" => Part::Validation,
            "test" => Part::Test,
            _ => return None,
        })
    }
}

/// The images and labels of a part, and what it is called; without a part the whole training file.
pub(super) fn of_part<'a>(
    part: Option<Part>,
    data: &'a Dataset,
    source: &Source,
) -> Result<(&'a Split, Range<usize>, &'static str)> {
    let absent = |what| Error::failed(format!("{} has no {what} images; choose another --split", data.name));
    let (split, range, of) = match part {
        None => (&data.train, 0..data.train.len(), "the training file"),
        Some(Part::Train) => (&data.train, source.split(data.train.len())?.train, "the training set"),
        Some(Part::Validation) => {
            (&data.train, source.split(data.train.len())?.validation, "the validation set")
        }
        Some(Part::Test) => {
            let test = data.test.as_ref().ok_or_else(|| absent("test"))?;
            (test, 0..test.len(), "the test set")
        }
    };
    if range.is_empty() { Err(absent("validation")) } else { Ok((split, range, of)) }
}

/// Which images to show.
pub(super) struct Selection {
    /// Without one: the whole training file.
    pub(super) part: Option<Part>,
    pub(super) index: Option<Vec<usize>>,
    pub(super) class: Option<String>,
    /// As many as were asked for; there must be as many.
    pub(super) count: Option<usize>,
    /// As many as are shown without being asked for, if there are as many.
    pub(super) at_most: usize,
    /// Each is followed by what training sees of it, if that was asked for.
    pub(super) distorted: Option<Distorted>,
}

/// What training with a seed sees of an image in its first epochs.
#[derive(Clone, Copy)]
pub(super) struct Distorted {
    range: DistortionRange,
    seed: u64,
    epochs: u32,
}

impl Distorted {
    /// Reads the options; on a contact sheet there is a row for each image.
    pub(super) fn parse(args: &mut Args, sheet: bool) -> Result<Option<Self>> {
        let (range, seed) = (augment::parse(args)?, args.value("--seed", "a whole number below 2^64")?);
        match (range, seed) {
            (None, Some(_)) => Err(Error::usage("--seed is that of --augment; add it")),
            (range, seed) => Ok(range.map(|range| Distorted {
                range,
                seed: seed.unwrap_or(42),
                epochs: if sheet { 9 } else { 4 },
            })),
        }
    }
}

/// The images that were chosen.
pub(super) struct Chosen<'a> {
    data: &'a Dataset,
    split: &'a Split,
    /// What they were chosen from, and what that is called.
    range: Range<usize>,
    of: &'static str,
    /// Counted from the start of the range.
    indices: Vec<usize>,
    distorted: Option<(Distortion, u32)>,
}

/// An image to show: one of the data, or as an epoch sees it.
struct Shown<'a> {
    index: usize,
    epoch: Option<u32>,
    pixels: Cow<'a, [u8]>,
}

const SHEET: Target = Target { what: "a contact sheet", example: "sheet.png" };

/// Checks that a contact sheet can be written before anything else is done.
pub(super) fn check_target(path: &Path) -> Result<()> {
    SHEET.check_over(path, |head| head.starts_with(b"\x89PNG\r\n\x1a\n"))
}

impl Selection {
    /// What the overview shows.
    pub(super) const FIRST_THREE: Selection =
        Selection { part: None, index: None, class: None, count: None, at_most: 3, distorted: None };

    /// Looks the images up.
    pub(super) fn choose<'a>(&self, data: &'a Dataset, source: &Source) -> Result<Chosen<'a>> {
        let (split, range, of) = of_part(self.part, data, source)?;
        let labels = &split.labels()[range.clone()];
        let class = self.class.as_ref().map(|name| class(data, name)).transpose()?;
        let indices = match &self.index {
            Some(indices) => {
                if let Some(wrong) = indices.iter().find(|index| **index >= labels.len()) {
                    return Err(Error::failed(format!(
                        "--index {wrong}: {of} of {} has the images 0 to {}",
                        data.name,
                        labels.len() - 1
                    )));
                }
                indices.clone()
            }
            None => {
                let fits = |index: &usize| class.is_none_or(|class| usize::from(labels[*index]) == class);
                let wanted = self.count.unwrap_or(self.at_most);
                let found: Vec<usize> = (0..labels.len()).filter(fits).take(wanted).collect();
                let missing = self.count.is_some_and(|count| count > found.len());
                if missing || found.is_empty() {
                    let of_class = class.map_or(String::new(), |class| format!(" of class {class}"));
                    return Err(Error::failed(format!(
                        "{of} of {} has {} images{of_class}, fewer than {wanted}; ask for fewer with --images",
                        data.name,
                        found.len()
                    )));
                }
                found
            }
        };
        let distorted = self.distorted.map(|Distorted { range, seed, epochs }| {
            Ok((distortion(range, seed, (data.rows, data.cols))?, epochs))
        });
        Ok(Chosen { data, split, range, of, indices, distorted: distorted.transpose()? })
    }
}

/// The class of this name or number.
fn class(data: &Dataset, name: &str) -> Result<usize> {
    let names = data.class_names.as_deref().unwrap_or_default();
    if let Some(class) = names.iter().position(|known| known.eq_ignore_ascii_case(name)) {
        return Ok(class);
    }
    if let Some(class) = name.parse().ok().filter(|class| *class < data.classes) {
        return Ok(class);
    }
    let hint = match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {near}?"),
        None => format!(
            "give a number from 0 to {}{}",
            data.classes - 1,
            if names.is_empty() { "" } else { ", or a name" }
        ),
    };
    Err(Error::failed(format!("--class {name}: {} has no such class; {hint}", data.name)))
}

impl Chosen<'_> {
    fn pixels(&self, index: usize) -> &[u8] {
        let len = self.split.image_len();
        &self.split.images()[(self.range.start + index) * len..][..len]
    }

    fn image<'b>(&self, shown: &'b Shown<'_>) -> Image<'b> {
        Image::new(&shown.pixels, self.split.rows(), self.split.cols())
    }

    fn shown(&self) -> Vec<Shown<'_>> {
        let shape = (self.split.rows(), self.split.cols());
        let mut room = vec![0; Kernels::warp_room(shape.0, shape.1)];
        let mut all = vec![];
        for index in self.indices.iter().copied() {
            let from = self.pixels(index);
            all.push(Shown { index, epoch: None, pixels: Cow::Borrowed(from) });
            let Some((distortion, epochs)) = &self.distorted else { continue };
            for epoch in 1..=*epochs {
                let map = distortion.warp([index as u32, epoch], shape);
                let mut to = vec![0; from.len()];
                Kernels::best()
                    .warp_u8(&map, shape, from, &mut to, &mut room)
                    .expect("an image of this shape");
                all.push(Shown { index, epoch: Some(epoch), pixels: Cow::Owned(to) });
            }
        }
        all
    }

    fn label(&self, index: usize) -> u8 {
        self.split.labels()[self.range.start + index]
    }

    /// Drawn for the terminal, each below its index and its class.
    pub(super) fn draw(&self) -> String {
        let shown = self.shown();
        let tiles = shown.iter().map(|shown| {
            let label = self.label(shown.index);
            let class = match &self.data.class_names {
                Some(names) => Cow::from(&names[usize::from(label)]),
                None => Cow::from(label.to_string()),
            };
            let caption = match shown.epoch {
                None => format!("#{}: {class}", shown.index),
                Some(epoch) => format!("#{}, epoch {epoch}", shown.index),
            };
            Tile { image: self.image(shown), caption }
        });
        let tiles: Vec<Tile> = tiles.collect();
        let drawn = draw::grid(&tiles, &draw::Options::of_stdout());
        // Where numbers of a part are others than in its file, that is said.
        let counted = (self.range.start > 0).then(|| {
            format!("#0 of {} is image {} of the training file\n", self.of, thousands(self.range.start))
        });
        counted.into_iter().chain(drawn).collect::<Vec<_>>().join("\n")
    }

    /// Writes the contact sheet.
    pub(super) fn save(&self, path: &Path) -> Result<()> {
        let shown = self.shown();
        let images: Vec<Image> = shown.iter().map(|shown| self.image(shown)).collect();
        let (sheet, width, height) = draw::sheet(&images);
        SHEET.write(path, &draw::png::encode_grey(&sheet, width, height)?)
    }

    /// What to say after that.
    pub(super) fn saved(&self, path: &Path) -> String {
        let n = self.indices.len();
        let images = format!("{} image{}", thousands(n), if n == 1 { "" } else { "s" });
        let more =
            self.distorted.map_or(String::new(), |(_, epochs)| format!(", each with {epochs} distortions,"));
        format!("saved {images}{more} as {}", path.display())
    }

    /// Adds the images as numbers, or where they went.
    pub(super) fn json(&self, line: JsonLine, png: Option<&Path>) -> JsonLine {
        if let Some(path) = png {
            return line.with("png", path.to_string_lossy()).with("images", self.indices.len());
        }
        let image = |shown: &Shown<'_>| {
            let mut image = serde_json::json!({
                "index": shown.index,
                "index_in_file": self.range.start + shown.index,
                "label": self.label(shown.index),
                "pixels": shown.pixels
            });
            if let Some(epoch) = shown.epoch {
                image["epoch"] = epoch.into();
            }
            image
        };
        line.with("images", self.shown().iter().map(image).collect::<Vec<_>>())
    }
}
