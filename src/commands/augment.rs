//! The options that say how images are distorted in training: the same for `train` and `inspect`.

use mnist_fast::{Error, Result};
use mnist_fast_kernels::DistortionRange;

use crate::args::{Args, Opt};
use crate::output::JsonLine;

pub(crate) const AUGMENT: Opt = Opt {
    name: "--augment",
    value: "KIND",
    help: "distort training images at random, anew in every epoch: affine, or none\n(default)",
};
pub(crate) const ROTATE: Opt = Opt {
    name: "--augment-rotate",
    value: "DEG",
    help: "turn them by up to so many degrees to either side (default 12)",
};
pub(crate) const SCALE: Opt = Opt {
    name: "--augment-scale",
    value: "F",
    help: "make them wider or narrower, higher or lower by up to this factor\n(default 0.1: by 0.9 to 1.1)",
};
pub(crate) const SHEAR: Opt = Opt {
    name: "--augment-shear",
    value: "F",
    help: "slant them by up to so many columns a row to either side (default 0.15)",
};
pub(crate) const SHIFT: Opt =
    Opt { name: "--augment-shift", value: "N", help: "move them by up to N pixels to each side (default 2)" };

/// Reads the options; nothing where images stay as they are.
pub(crate) fn parse(args: &mut Args) -> Result<Option<DistortionRange>> {
    let affine = args.parse("--augment", "affine or none", |kind| match kind {
        "affine" => Some(true),
        "none" => Some(false),
        _ => None,
    })?;
    let mut amount = |name, expected: &str, most: f64| {
        args.parse(name, expected, |text| text.parse().ok().filter(|x| (0.0..=most).contains(x)))
    };
    let given = [
        (ROTATE.name, amount(ROTATE.name, "degrees from 0 to 180", 180.0)?),
        (SCALE.name, amount(SCALE.name, "a number from 0 to 0.5", 0.5)?),
        (SHEAR.name, amount(SHEAR.name, "a number from 0 to 1", 1.0)?),
        (SHIFT.name, amount(SHIFT.name, "pixels from 0 to 1024", 1024.0)?),
    ];
    if affine != Some(true) {
        return match given.iter().find(|(_, value)| value.is_some()) {
            None => Ok(None),
            Some((name, _)) => Err(Error::usage(format!("{name} needs --augment affine; add it"))),
        };
    }
    let [rotation, scale, shear, shift] = given.map(|(_, value)| value);
    Ok(Some(DistortionRange {
        rotation: rotation.unwrap_or(12.0),
        scale: scale.unwrap_or(0.1),
        shear: shear.unwrap_or(0.15),
        shift: shift.unwrap_or(2.0),
    }))
}

/// Adds the settings to the record of a run, where images are distorted.
pub(crate) fn record(line: JsonLine, range: Option<&DistortionRange>) -> JsonLine {
    let Some(DistortionRange { rotation, scale, shear, shift }) = range else { return line };
    line.with("augment", "affine")
        .with("augment_rotate", *rotation)
        .with("augment_scale", *scale)
        .with("augment_shear", *shear)
        .with("augment_shift", *shift)
}

/// For `--explain`.
pub(crate) fn explain(range: &DistortionRange) -> String {
    let DistortionRange { rotation, scale, shear, shift } = range;
    format!(
        "Augmentation: affine, in training only\n  \
         a pixel of the distorted image at p is the image at c + S^-1 H^-1 R^-1 (p - c - t), c its middle\n  \
         R turns by up to {rotation} degrees, H = [1 k; 0 1] with |k| <= {shear}, S = [a 0; 0 b] with 1 - {scale} <= a, b <= 1 + {scale}\n  \
         t is up to {shift} pixels each way; all uniform, anew for each image in each epoch\n  \
         bilinear in 256ths of a pixel, 0 around the image, bytes rounded half to even\n  \
         [Simard, Steinkraus and Platt 2003; Ciresan et al. 2010]"
    )
}
