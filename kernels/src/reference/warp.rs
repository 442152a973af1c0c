//! Affine maps of images: this text is the definition of every pixel.

use crate::table::WarpBytes;

/// Each pixel of the result is read at the place that the map gives for it, between the four pixels around that: in 256ths of a pixel
/// both ways, exact in integers, and rounded to the nearest byte, half to even. Around the image there are zeros.
pub(super) fn warp_u8(call: WarpBytes<'_>) {
    let WarpBytes { map, rows, columns, from, to, .. } = call;
    let pixel = |x: i64, y: i64| {
        let inside = (0..columns as i64).contains(&x) && (0..rows as i64).contains(&y);
        if inside { u32::from(from[y as usize * columns + x as usize]) } else { 0 }
    };
    for (i, to) in to.iter_mut().enumerate() {
        let (column, row) = ((i % columns) as i64, (i / columns) as i64);
        let place = |axis: usize| {
            let [along_column, along_row, origin] = map[axis].map(i64::from);
            origin + column * along_column + row * along_row
        };
        let ((x, x_part), (y, y_part)) = (split(place(0)), split(place(1)));
        let upper = pixel(x, y) * (256 - x_part) + pixel(x + 1, y) * x_part;
        let lower = pixel(x, y + 1) * (256 - x_part) + pixel(x + 1, y + 1) * x_part;
        let sum = upper * (256 - y_part) + lower * y_part;
        // In 65536ths.
        let (whole, rest) = (sum >> 16, sum & 0xffff);
        let up = rest > 0x8000 || rest == 0x8000 && whole & 1 == 1;
        *to = (whole + u32::from(up)) as u8;
    }
}

/// The whole pixels of a place in 65536ths, and 256ths beyond: what is less is left out.
fn split(place: i64) -> (i64, u32) {
    (place >> 16, (place >> 8 & 0xff) as u32)
}
