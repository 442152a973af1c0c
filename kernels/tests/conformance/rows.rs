//! Reductions along rows: every exact ISA gives the reference's bits; all are close to f64.

use crate::common::{Differences, Random, all_isas, canonical, exact_isas, reference};
use mnist_fast_kernels::{Error, Kernels, MatRef};

type Reduction = fn(Kernels, MatRef<'_>, &mut [f32]) -> Result<(), Error>;

const REDUCTIONS: [(&str, Reduction); 4] = [
    ("sum", Kernels::row_sum),
    ("max", Kernels::row_max),
    ("norm2", Kernels::row_norm2),
    ("sum of squares", Kernels::row_sum_of_squares),
];

fn run(kernels: Kernels, f: Reduction, x: MatRef<'_>) -> Vec<f32> {
    let mut to = vec![12345.5; x.rows()];
    f(kernels, x, &mut to).unwrap();
    to
}

#[test]
fn reductions_have_the_references_bits() {
    let mut differences = Differences::new();
    for columns in (0..70).chain([128, 784]) {
        for rows in [0, 1, 2, 15, 16, 17, 33] {
            for wild in [false, true] {
                let n = rows * (columns + 3);
                let mut random = Random::new((columns * 100 + rows) as u64);
                let x = if wild { random.wild(n) } else { random.vec(n) };
                // Rows three elements apart.
                let x = MatRef::with_strides(&x, 0, rows, columns, columns as isize + 3, 1).unwrap();
                for (name, f) in REDUCTIONS {
                    let expected = run(reference(), f, x);
                    for kernels in exact_isas() {
                        let what = || format!("{} {name} of {rows}x{columns}", kernels.isa());
                        differences.compare(what, &expected, &run(kernels, f, x));
                    }
                }
            }
        }
    }
    differences.finish();
}

#[test]
fn special_rows() {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    // [row, sum, max, norm, sum of squares]
    let cases: [(&[f32], [f32; 4]); 7] = [
        (&[], [0.0, -inf, 0.0, 0.0]),
        (&[-inf, -inf], [-inf, -inf, inf, inf]),
        (&[inf, -inf, 1.0], [nan, inf, inf, inf]),
        (&[1.0, nan, 2.0], [nan; 4]),
        (&[nan, 1.0], [nan; 4]),
        (&[-1e-45, -3e-45], [-4e-45, -1e-45, 0.0, 0.0]),
        (&[3e38, 3e38], [inf, 3e38, inf, inf]),
    ];
    for kernels in all_isas() {
        for (row, expected) in cases {
            let x = MatRef::new(row, 1, row.len()).unwrap();
            let found = REDUCTIONS.map(|(_, f)| canonical(run(kernels, f, x)[0]));
            assert_eq!(found, expected.map(canonical), "{row:?} on {}", kernels.isa());
        }
    }
}

#[test]
fn reductions_are_close_to_f64() {
    for kernels in all_isas() {
        for columns in [1, 10, 100, 784, 10_000] {
            let x = Random::new(columns as u64).vec(columns);
            let row = MatRef::new(&x, 1, columns).unwrap();
            let wide = || x.iter().map(|x| f64::from(*x));
            let unit = f64::from(f32::EPSILON) / 2.0;
            let roundings = columns as f64 / 16.0;
            let [sum, max, norm, squares] = REDUCTIONS.map(|(_, f)| f64::from(run(kernels, f, row)[0]));
            let magnitudes: f64 = wide().map(f64::abs).sum();
            let what = format!("{} of {columns}", kernels.isa());
            assert!((sum - wide().sum::<f64>()).abs() <= (roundings + 5.0) * unit * magnitudes, "{what}");
            assert_eq!(max, wide().fold(f64::MIN, f64::max), "{what}");
            let exact = wide().map(|x| x * x).sum::<f64>();
            assert!((squares - exact).abs() <= (roundings + 5.0) * unit * exact, "{what}");
            let exact = exact.sqrt();
            assert!((norm - exact).abs() <= (roundings + 6.0) * unit * exact, "{what}");
        }
    }
}

#[test]
fn wrong_shapes_are_refused() {
    let data = [0.0; 12];
    for (_, f) in REDUCTIONS {
        let x = MatRef::new(&data, 3, 4).unwrap();
        assert!(f(reference(), x, &mut [0.0; 4]).is_err());
        assert!(f(reference(), x.transposed(), &mut [0.0; 4]).is_err());
    }
}
