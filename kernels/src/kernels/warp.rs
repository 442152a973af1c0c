//! Affine maps of images, given or random.

use super::{Kernels, check_len};
use crate::Error;
use crate::generic::warp;
use crate::reference::philox::philox;
use crate::scalar::sin_cos;
use crate::table::WarpBytes;

/// The longest side of an image: with this and the bounds below, no place overflows 16 bits.
const LONGEST: usize = 1024;

/// The largest that a map's factors and its origin can be.
const MOST: [f64; 3] = [8.0, 8.0, 8192.0];

/// Where in an image each pixel of another one is read: an affine map, in 65536ths of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warp([[i32; 3]; 2]);

impl Warp {
    /// Every pixel from where it is.
    pub const IDENTITY: Warp = Warp([[1 << 16, 0, 0], [0, 1 << 16, 0]]);

    /// The pixel in column `c` and row `r` comes from the column `x[0] c + x[1] r + x[2]` and the row `y[0] c + y[1] r + y[2]`,
    /// each number to the nearest 2^-16. Nothing where the first two are beyond 8 in magnitude, the last beyond 8192, or one is
    /// not a number.
    ///
    /// ```
    /// use mnist_fast_kernels::Warp;
    ///
    /// assert_eq!(Warp::new([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]), Some(Warp::IDENTITY));
    /// assert_eq!(Warp::new([f64::NAN, 0.0, 0.0], [0.0, 1.0, 0.0]), None);
    /// ```
    pub fn new(x: [f64; 3], y: [f64; 3]) -> Option<Self> {
        let fits = |axis: &[f64; 3]| axis.iter().zip(MOST).all(|(a, most)| (-most..=most).contains(a));
        // To the nearest, as a cast cuts off what is beyond the point.
        let fixed = |a: f64| (a * 65536.0 + if a < 0.0 { -0.5 } else { 0.5 }) as i32;
        (fits(&x) && fits(&y)).then(|| Warp([x.map(fixed), y.map(fixed)]))
    }

    /// The numbers of [`Warp::new`], of x and of y.
    pub fn axes(&self) -> [[f64; 3]; 2] {
        self.0.map(|axis| axis.map(|a| f64::from(a) / 65536.0))
    }
}

/// How far images are distorted at most.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DistortionRange {
    /// Degrees to either side, 0 to 180.
    pub rotation: f64,
    /// Width and height change by factors from 1 - scale to 1 + scale, each its own; 0 to 0.5.
    pub scale: f64,
    /// Columns that each row is moved per row, to either side; 0 to 1.
    pub shear: f64,
    /// Pixels to each side; 0 to 1024.
    pub shift: f64,
}

/// Random affine distortions of images: which one is chosen by the key and a position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distortion {
    range: DistortionRange,
    key: u64,
}

impl Distortion {
    /// Distortions within a range; nothing where one of its numbers is out of its bounds, or none. Those of different keys are
    /// independent.
    ///
    /// ```
    /// use mnist_fast_kernels::{Distortion, DistortionRange};
    ///
    /// let turned = |rotation| Distortion::new(DistortionRange { rotation, ..Default::default() }, 42);
    /// assert!(turned(15.0).is_some());
    /// assert!(turned(-15.0).is_none());
    /// ```
    pub fn new(range: DistortionRange, key: u64) -> Option<Self> {
        let DistortionRange { rotation, scale, shear, shift } = range;
        let bounds = [(rotation, 180.0), (scale, 0.5), (shear, 1.0), (shift, LONGEST as f64)];
        bounds.iter().all(|(x, most)| (0.0..=*most).contains(x)).then_some(Distortion { range, key })
    }

    /// How far.
    pub fn range(&self) -> DistortionRange {
        self.range
    }

    /// The distortion at a position, say image and epoch, for images of `rows` x `columns`: about their middle they are scaled,
    /// sheared, turned, and then moved, each by an amount that is uniform on 2^16 points of its range. It is a function of key and
    /// position, whatever was drawn before: the words of Philox4x32-10, in halves, and f64 without a mathematical library, so the
    /// same everywhere. A range of zeros gives [`Warp::IDENTITY`].
    ///
    /// ```
    /// use mnist_fast_kernels::{Distortion, DistortionRange, Warp};
    ///
    /// let still = Distortion::new(DistortionRange::default(), 42).expect("zeros are in bounds");
    /// assert_eq!(still.warp([3, 1], (28, 28)), Warp::IDENTITY);
    /// ```
    pub fn warp(&self, position: [u32; 2], (rows, columns): (usize, usize)) -> Warp {
        let words = philox([self.key as u32, (self.key >> 32) as u32], [position[0], position[1], 0, 0]);
        // -1 to 1: the lower half of a word, or the upper one.
        let unit =
            |i: usize| f64::from(2 * (words[i / 2] >> (16 * (i % 2)) & 0xffff) as i32 - 0xffff) / 65535.0;
        let DistortionRange { rotation, scale, shear, shift } = self.range;
        let (sin, cos) = sin_cos(unit(0) * rotation * (core::f64::consts::PI / 180.0));
        let (width, height) = (1.0 + unit(1) * scale, 1.0 + unit(2) * scale);
        let shear = unit(3) * shear;
        let middle = [columns, rows].map(|n| 0.5 * (n.clamp(1, LONGEST) - 1) as f64);
        // From a pixel of the result back: moved, turned, sheared, scaled.
        let (x, y) =
            ([(cos + shear * sin) / width, (sin - shear * cos) / width], [-sin / height, cos / height]);
        let moved = [middle[0] + unit(4) * shift, middle[1] + unit(5) * shift];
        let origin = |[a, b]: [f64; 2], middle: f64| middle - (a * moved[0] + b * moved[1]);
        Warp::new([x[0], x[1], origin(x, middle[0])], [y[0], y[1], origin(y, middle[1])])
            .unwrap_or(Warp::IDENTITY) // the bounds of a range are within those of a map
    }
}

impl Kernels {
    /// The longest side of an image for [`Kernels::warp_u8`].
    pub const LONGEST_WARPED: usize = LONGEST;

    /// Elements of memory that [`Kernels::warp_u8`] works with, for an image of `rows` x `columns`.
    ///
    /// ```
    /// use mnist_fast_kernels::Kernels;
    ///
    /// let room = vec![0u16; Kernels::warp_room(28, 28)]; // for any number of images, one after another
    /// assert!(room.len() > 28 * 28);
    /// ```
    pub fn warp_room(rows: usize, columns: usize) -> usize {
        warp::room(rows.min(LONGEST), columns.min(LONGEST))
    }

    /// An image of `shape` (rows, columns), read at other places: each pixel of `to` where the map says in `from`, with zeros around
    /// it, between the four pixels about that place (bilinear: the place in 256ths of a pixel, the sum exact, then rounded to the
    /// nearest byte, half to even). The same bytes on every ISA, `portable` too; the identity gives the image itself.
    ///
    /// `room` is [`Kernels::warp_room`] elements to work with, of any content.
    ///
    /// # Errors
    /// [`Error::Length`]; [`Error::Range`] where a side is longer than 1024.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, Warp};
    ///
    /// let half_to_the_right = Warp::new([1.0, 0.0, -0.5], [0.0, 1.0, 0.0]).expect("a small map");
    /// let (mut moved, mut room) = ([0; 4], vec![0; Kernels::warp_room(1, 4)]);
    /// Kernels::best().warp_u8(&half_to_the_right, (1, 4), &[4, 4, 0, 255], &mut moved, &mut room)?;
    /// assert_eq!(moved, [2, 4, 2, 128]); // 127.5 becomes even
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn warp_u8(
        self,
        map: &Warp,
        (rows, columns): (usize, usize),
        from: &[u8],
        to: &mut [u8],
        room: &mut [u16],
    ) -> Result<(), Error> {
        if let Some(end) = [rows, columns].into_iter().find(|side| *side > LONGEST) {
            return Err(Error::Range { start: 0, end, len: LONGEST });
        }
        check_len("from", from.len(), rows * columns)?;
        check_len("to", to.len(), rows * columns)?;
        check_len("room", room.len(), Self::warp_room(rows, columns))?;
        let call = WarpBytes { map: map.0, rows, columns, from, to, room };
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.warp_u8)(call) };
        Ok(())
    }
}
