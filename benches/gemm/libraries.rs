//! The rivals that are libraries of C, loaded where the system has them: OpenBLAS, oneDNN, BLIS, libxsmm.
//!
//! Each runs on one thread, by [`ENVIRONMENT`], and chooses its kernels itself; or as [`AVX2`] or [`TWO_THREADS`] says.

use std::cell::Cell;
use std::ffi::{CStr, OsStr, c_char, c_int, c_uint, c_void};

use libloading::Library;
use mnist_fast_benches::contender::{Contender, Role};
use mnist_fast_benches::environment::Wanted;
use mnist_fast_benches::shapes::{Layout, Operands, Shape};

use crate::archive::{self, Linked};

/// What the process must have before a library is loaded. The variables taken out narrow a library to older kernels or
/// to a wrong cache, and are found in the environment of some images.
pub(crate) const ENVIRONMENT: &Wanted<'static> = &[
    ("OPENBLAS_CORETYPE", None),
    ("OPENBLAS_L2_SIZE", None),
    ("DNNL_MAX_CPU_ISA", None),
    ("ONEDNN_MAX_CPU_ISA", None),
    ("OPENBLAS_NUM_THREADS", Some("1")),
    ("BLIS_NUM_THREADS", Some("1")),
    ("OMP_NUM_THREADS", Some("1")),
];

/// Added to it, this keeps the libraries to AVX2.
pub(crate) const AVX2: &Wanted<'static> = &[
    ("OPENBLAS_CORETYPE", Some("Haswell")),
    ("DNNL_MAX_CPU_ISA", Some("AVX2")),
    // The number of BLIS' `haswell` in its `arch_t`: 0.9 knows no names.
    ("BLIS_ARCH_TYPE", Some("3")),
    ("LIBXSMM_TARGET", Some("hsw")),
];

/// Added to it, this gives the libraries, and rayon, two threads.
pub(crate) const TWO_THREADS: &Wanted<'static> = &[
    ("OPENBLAS_NUM_THREADS", Some("2")),
    ("BLIS_NUM_THREADS", Some("2")),
    ("OMP_NUM_THREADS", Some("2")),
    ("RAYON_NUM_THREADS", Some("2")),
    // OpenBLAS' threads spin for 2^26 ticks (20 ms and more) after a call, on the core that the next contender wants;
    // now it is 2^20, still far more than is between two calls of its own.
    ("OPENBLAS_THREAD_TIMEOUT", Some("20")),
];

/// Of [`load_all`].
pub(crate) const NAMES: [&str; 4] = ["openblas", "onednn", "blis", ONE_THREAD_ONLY];

/// It has no threads of its own.
pub(crate) const ONE_THREAD_ONLY: &str = "libxsmm";

/// Its product that looks the kernel up in each call; a contender of its own.
pub(crate) const LIBXSMM_CALL: &str = "libxsmm call";

/// Of the libraries that `wanted` names those that are here; of each other one, a line that says so.
pub(crate) fn load_all(wanted: impl Fn(&str) -> bool) -> (Vec<Contender>, Vec<String>) {
    type Candidate = (&'static str, &'static [&'static str], fn(&'static Library) -> Option<Vec<Contender>>);
    const CANDIDATES: [Candidate; 4] = [
        ("openblas", &["libopenblas.so.0", "libopenblas.so"], |library| Some(vec![openblas(library)?])),
        ("onednn", &["libdnnl.so.3", "libdnnl.so.2", "libdnnl.so"], |library| Some(vec![onednn(library)?])),
        ("blis", &["libblis.so.4", "libblis.so"], |library| Some(vec![blis(library)?])),
        ("libxsmm", &["libxsmm.so.1", "libxsmm.so"], libxsmm),
    ];
    let (mut present, mut absent) = (Vec::new(), Vec::new());
    for (name, files, contenders) in CANDIDATES.into_iter().filter(|(name, ..)| wanted(name)) {
        match find(name, files) {
            Err(why) => absent.push(format!("{name}: absent ({why})")),
            Ok((library, file)) => match contenders(library) {
                Some(mut new) => {
                    new.iter_mut().for_each(|contender| contender.build += &format!(", {file}"));
                    present.append(&mut new);
                }
                None => absent.push(format!("{name}: {file} lacks the functions called here")),
            },
        }
    }
    (present, absent)
}

/// A library by one of its names, and where it is from; libxsmm also where the system has only an archive of it.
fn find(name: &str, files: &[&str]) -> Result<(&'static Library, String), String> {
    if let Some((file, library)) = files.iter().find_map(|file| Some((file, load(file.as_ref())?))) {
        return Ok((library, (*file).to_string()));
    }
    let missing = format!("{} not found", files.join(", "));
    if name != "libxsmm" {
        return Err(missing);
    }
    // Its large products are another library's; those are not asked for here, and need no BLAS.
    match archive::link("xsmm", &["xsmmnoblas"]) {
        None => Err(format!("{missing}, nor libxsmm.a")),
        Some(Err(why)) => Err(format!("{missing}; libxsmm.a cannot be linked: {why}")),
        Some(Ok(Linked { archive, library })) => {
            let loaded =
                load(library.as_ref()).ok_or_else(|| format!("{} cannot be loaded", library.display()))?;
            let version =
                archive::version(&archive).map_or(String::new(), |version| format!(" of {version}"));
            Ok((loaded, format!("{}{version}", archive.display())))
        }
    }
}

/// Loaded for good: some libraries keep threads, which must not lose their code.
fn load(file: &OsStr) -> Option<&'static Library> {
    // SAFETY: these libraries' initialisers only look at the CPU and the environment and make buffers.
    let library = unsafe { Library::new(file) }.ok()?;
    Some(Box::leak(Box::new(library)))
}

/// The function `name`.
///
/// # Safety
/// `F` is a function pointer of that function's type.
unsafe fn function<F: Copy>(library: &'static Library, name: &str) -> Option<F> {
    // SAFETY: by the caller.
    unsafe { library.get::<F>(name) }.ok().map(|symbol| *symbol)
}

/// What a C function returned as text.
///
/// # Safety
/// `text` is null or ends with a zero.
unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return "?".to_string();
    }
    // SAFETY: by the caller.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().trim().to_string()
}

/// The ISA of a library's kernels, by the name it gives them: OpenBLAS' cores and BLIS' sub-configurations.
fn isa_of(core: &str) -> &'static str {
    match core.to_ascii_lowercase().as_str() {
        "skylakex" | "cooperlake" | "sapphirerapids" | "skx" | "knl" | "zen4" | "zen5" => "avx512",
        "haswell" | "zen" | "zen2" | "zen3" => "avx2",
        _ => "?",
    }
}

// ---- CBLAS ----

type CblasSgemm = unsafe extern "C" fn(
    order: c_int,
    transpose_a: c_int,
    transpose_b: c_int,
    m: c_int,
    n: c_int,
    k: c_int,
    alpha: f32,
    a: *const f32,
    lda: c_int,
    b: *const f32,
    ldb: c_int,
    beta: f32,
    c: *mut f32,
    ldc: c_int,
);

/// The elements from one stored row to the next: of A and of B.
fn leading_dimensions(x: &Operands) -> (usize, usize) {
    let Shape { layout, m, n, k } = x.shape;
    (if layout == Layout::Tn { m } else { k }, if layout == Layout::Nt { k } else { n })
}

/// Panics unless the slices are exactly the shape's matrices, which makes the calls below safe.
fn assert_lengths(x: &Operands, c: &[f32]) {
    let Shape { m, n, k, .. } = x.shape;
    assert_eq!((x.a.len(), x.b.len(), c.len()), (m * k, k * n, m * n));
}

fn cblas(name: &'static str, build: String, isa: &'static str, sgemm: CblasSgemm) -> Contender {
    const ROW_MAJOR: c_int = 101;
    let transpose = |yes: bool| if yes { 112 } else { 111 };
    Contender::here(
        Role::Rival,
        name,
        build,
        isa,
        Box::new(move |x, c| {
            assert_lengths(x, c);
            let Shape { layout, m, n, k } = x.shape;
            let (lda, ldb) = leading_dimensions(x);
            // SAFETY: the slices are exactly these matrices; C is borrowed mutably, so it overlaps neither.
            unsafe {
                sgemm(
                    ROW_MAJOR,
                    transpose(layout == Layout::Tn),
                    transpose(layout == Layout::Nt),
                    m as c_int,
                    n as c_int,
                    k as c_int,
                    1.0,
                    x.a.as_ptr(),
                    lda as c_int,
                    x.b.as_ptr(),
                    ldb as c_int,
                    0.0,
                    c.as_mut_ptr(),
                    n as c_int,
                );
            }
        }),
    )
}

fn openblas(library: &'static Library) -> Option<Contender> {
    type Text = unsafe extern "C" fn() -> *const c_char;
    // SAFETY: the types are those of OpenBLAS' cblas.h.
    let (sgemm, config, core) = unsafe {
        (
            function::<CblasSgemm>(library, "cblas_sgemm")?,
            function::<Text>(library, "openblas_get_config")?,
            function::<Text>(library, "openblas_get_corename")?,
        )
    };
    // SAFETY: both give texts of the library's own that end with a zero.
    let (config, core) = unsafe { (text(config()), text(core())) };
    let config = config.strip_prefix("OpenBLAS ").unwrap_or(&config);
    // A build with 64-bit integers would misread the arguments.
    (!config.contains("USE64BITINT")).then(|| cblas("openblas", config.to_string(), isa_of(&core), sgemm))
}

fn blis(library: &'static Library) -> Option<Contender> {
    // SAFETY: the types are those of BLIS' blis.h and cblas.h.
    let (sgemm, version, id, name) = unsafe {
        (
            function::<CblasSgemm>(library, "cblas_sgemm")?,
            function::<unsafe extern "C" fn() -> *const c_char>(library, "bli_info_get_version_str")?,
            function::<unsafe extern "C" fn() -> c_int>(library, "bli_arch_query_id")?,
            function::<unsafe extern "C" fn(c_int) -> *const c_char>(library, "bli_arch_string")?,
        )
    };
    // With BLIS_ARCH_TYPE set, the library aborts if it is asked for its kernels before it has run one.
    let (a, mut c) = ([1.0_f32; 4], [0.0_f32; 4]);
    // SAFETY: three 2 x 2 matrices.
    unsafe { sgemm(101, 111, 111, 2, 2, 2, 1.0, a.as_ptr(), 2, a.as_ptr(), 2, 0.0, c.as_mut_ptr(), 2) };
    // SAFETY: both give texts of the library's own that end with a zero.
    let (version, core) = unsafe { (text(version()), text(name(id()))) };
    Some(cblas("blis", format!("{version} {core}"), isa_of(&core), sgemm))
}

// ---- oneDNN ----

fn onednn(library: &'static Library) -> Option<Contender> {
    #[repr(C)]
    struct Version {
        major: c_int,
        minor: c_int,
        patch: c_int,
    }
    type Sgemm = unsafe extern "C" fn(
        transpose_a: c_char,
        transpose_b: c_char,
        m: i64,
        n: i64,
        k: i64,
        alpha: f32,
        a: *const f32,
        lda: i64,
        b: *const f32,
        ldb: i64,
        beta: f32,
        c: *mut f32,
        ldc: i64,
    ) -> c_int;
    // SAFETY: the types are those of dnnl.h; what the version's record holds after these three is not read.
    let (sgemm, version, isa) = unsafe {
        (
            function::<Sgemm>(library, "dnnl_sgemm")?,
            function::<unsafe extern "C" fn() -> *const Version>(library, "dnnl_version")?,
            function::<unsafe extern "C" fn() -> c_uint>(library, "dnnl_get_effective_cpu_isa"),
        )
    };
    // SAFETY: the record is the library's own, for good.
    let version = unsafe { &*version() };
    // The ISAs' numbers are sets of bits: avx2 7, avx512_core 0x27.
    // SAFETY: takes nothing and only reads the library's own state.
    let isa = match isa.map_or(0, |isa| unsafe { isa() }) {
        isa if isa & 0x27 == 0x27 => "avx512",
        isa if isa & 7 == 7 => "avx2",
        _ => "?",
    };
    let transpose = |yes: bool| (if yes { b'T' } else { b'N' }) as c_char;
    Some(Contender::here(
        Role::Rival,
        "onednn",
        format!("{}.{}.{}, dnnl_sgemm", version.major, version.minor, version.patch),
        isa,
        Box::new(move |x, c| {
            assert_lengths(x, c);
            let Shape { layout, m, n, k } = x.shape;
            let (lda, ldb) = leading_dimensions(x);
            // SAFETY: the slices are exactly these matrices (row-major); C is borrowed mutably, so it overlaps neither.
            let status = unsafe {
                sgemm(
                    transpose(layout == Layout::Tn),
                    transpose(layout == Layout::Nt),
                    m as i64,
                    n as i64,
                    k as i64,
                    1.0,
                    x.a.as_ptr(),
                    lda as i64,
                    x.b.as_ptr(),
                    ldb as i64,
                    0.0,
                    c.as_mut_ptr(),
                    n as i64,
                )
            };
            assert_eq!(status, 0, "dnnl_sgemm refuses {}", x.shape);
        }),
    ))
}

// ---- libxsmm ----

/// Compiles a kernel per shape: beside the rivals, since it takes no other shape afterwards. It has none for NT.
///
/// As those use it who know their shapes, the kernel is kept, outside of what is timed; and as those who do not, each call
/// looks it up: `libxsmm_sgemm`, which hands products of more than 64^3 to another library, so that it is not asked for them.
fn libxsmm(library: &'static Library) -> Option<Vec<Contender>> {
    type Kernel = unsafe extern "C" fn(*const f32, *const f32, *mut f32);
    /// Of libxsmm 1.x. Column-major.
    type Dispatch = unsafe extern "C" fn(
        m: c_int,
        n: c_int,
        k: c_int,
        lda: *const c_int,
        ldb: *const c_int,
        ldc: *const c_int,
        alpha: *const f32,
        beta: *const f32,
        flags: *const c_int,
        prefetch: *const c_int,
    ) -> *const c_void;
    /// Fortran's SGEMM. Column-major.
    type Sgemm = unsafe extern "C" fn(
        transpose_a: *const c_char,
        transpose_b: *const c_char,
        m: *const c_int,
        n: *const c_int,
        k: *const c_int,
        alpha: *const f32,
        a: *const f32,
        lda: *const c_int,
        b: *const f32,
        ldb: *const c_int,
        beta: *const f32,
        c: *mut f32,
        ldc: *const c_int,
    );
    const TRANSPOSE_B: c_int = 2;
    /// LIBXSMM_MAX_MNK, as it is built by default.
    const MOST: usize = 64 * 64 * 64;
    // SAFETY: the types are those of libxsmm 1.17's libxsmm.h.
    let (init, dispatch, sgemm, target) = unsafe {
        (
            function::<unsafe extern "C" fn()>(library, "libxsmm_init")?,
            function::<Dispatch>(library, "libxsmm_smmdispatch")?,
            function::<Sgemm>(library, "libxsmm_sgemm")?,
            function::<unsafe extern "C" fn() -> *const c_char>(library, "libxsmm_get_target_arch")?,
        )
    };
    // SAFETY: the initialiser comes first and may be called again; the text is the library's own.
    let target = unsafe {
        init();
        text(target())
    };
    // Row-major C = A B is column-major C^T = B^T A^T: the operands change places.
    let kernel = move |shape: &Shape| -> Option<Kernel> {
        let &Shape { layout, m, n, k } = shape;
        let flags = match layout {
            Layout::Nn => 0,
            Layout::Tn => TRANSPOSE_B,
            Layout::Nt => return None,
        };
        let ld_a = (if layout == Layout::Tn { m } else { k }) as c_int;
        let (m, n, k) = (m as c_int, n as c_int, k as c_int);
        // SAFETY: every pointer is to a value that outlives the call.
        let code = unsafe { dispatch(n, m, k, &n, &ld_a, &n, &1.0, &0.0, &flags, &0) };
        // SAFETY: what is not null is a kernel for this shape, of this type, for good.
        (!code.is_null()).then(|| unsafe { std::mem::transmute::<*const c_void, Kernel>(code) })
    };
    let isa = match target.as_str() {
        "clx" | "cpx" | "skx" | "spr" => "avx512",
        "hsw" => "avx2",
        _ => "?",
    };
    let last: Cell<Option<(Shape, Kernel)>> = Cell::new(None);
    let kept = Contender::here(
        Role::Beside,
        ONE_THREAD_ONLY,
        format!("1.x, target {target}, a kernel per shape, kept"),
        isa,
        Box::new(move |x, c| {
            assert_lengths(x, c);
            let known = last.get().filter(|(shape, _)| *shape == x.shape);
            let (_, run) = known.unwrap_or_else(|| (x.shape, kernel(&x.shape).expect("`takes` was asked")));
            last.set(Some((x.shape, run)));
            // SAFETY: the kernel is this shape's, and the slices are exactly its matrices; C is borrowed mutably.
            unsafe { run(x.b.as_ptr(), x.a.as_ptr(), c.as_mut_ptr()) };
        }),
    );
    let call = Contender::here(
        Role::Beside,
        LIBXSMM_CALL,
        format!("1.x, target {target}, libxsmm_sgemm"),
        isa,
        Box::new(move |x, c| {
            assert_lengths(x, c);
            let Shape { layout, m, n, k } = x.shape;
            let (ld_a, _) = leading_dimensions(x);
            let (m, n, k, ld_a) = (m as c_int, n as c_int, k as c_int, ld_a as c_int);
            let transpose = (if layout == Layout::Tn { b'T' } else { b'N' }) as c_char;
            let plain = b'N' as c_char;
            let (a, b, c) = (x.a.as_ptr(), x.b.as_ptr(), c.as_mut_ptr());
            // SAFETY: every pointer to a number is to one that outlives the call, and the slices are exactly the matrices; C is
            // borrowed mutably, so it overlaps neither.
            unsafe { sgemm(&plain, &transpose, &n, &m, &k, &1.0, b, &n, a, &ld_a, &0.0, c, &n) };
        }),
    );
    Some(vec![
        kept.only_for(move |shape| kernel(shape).is_some()),
        call.only_for(move |shape| shape.m * shape.n * shape.k <= MOST && kernel(shape).is_some()),
    ])
}
