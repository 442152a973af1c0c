//! The table of known datasets: where they are published, what their bytes hash to, and how they differ from MNIST.

use super::folder::FILES;

/// A dataset known by name.
#[derive(Debug)]
pub struct Known {
    /// What `--data` calls it.
    pub name: &'static str,
    /// What it shows, in a few words.
    pub title: &'static str,
    /// The terms its authors publish it under.
    pub licence: &'static str,
    /// The address its four .gz files are published at, without the last slash, or that of an archive with them in it.
    pub address: &'static str,
    /// The Debian package that holds it.
    pub debian_package: Option<&'static str>,
    /// What its classes are called; `None` where the labels are digits and mean themselves.
    pub class_names: Option<&'static [&'static str]>,
    /// Its files under their published names: train images, train labels, test images, test labels.
    pub files: [&'static str; 4],
    /// How its files differ from what a network is given.
    pub layout: Layout,
    /// SHA-256 of the unpacked files; it does not depend on who gzipped them. `None` where this release does not know it:
    /// then length and gzip's CRC are all that is checked, unless the .gz files are those that were published.
    pub sha256: Option<[&'static str; 4]>,
    /// What is known of the files as they are published.
    pub sums: Sums,
}

/// How the bytes of a dataset's files are to be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Whether each image stands column after column.
    pub transposed: bool,
    /// The label of the first class.
    pub first_label: u8,
}

impl Layout {
    /// As MNIST's: row after row, labels from 0.
    pub const AS_IS: Self = Layout { transposed: false, first_label: 0 };
}

/// Hashes of what is published, in the order of the files.
#[derive(Debug)]
pub enum Sums {
    /// SHA-256 of each .gz file.
    Sha256([&'static str; 4]),
    /// MD5 of each .gz file, where nothing better is known.
    Md5([&'static str; 4]),
    /// SHA-256 of the archive.
    Archive(&'static str),
}

impl Sums {
    /// SHA-256 of the .gz file of this index, where it is known.
    pub(super) fn sha256_gz(&self, index: usize) -> Option<&'static str> {
        match self {
            Sums::Sha256(all) => Some(all[index]),
            Sums::Md5(_) | Sums::Archive(_) => None,
        }
    }
}

const DIGITS_AND_UPPER: [&str; 36] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K",
    "L", "M", "N", "O", "P", "Q", "R", "S", "T", "U", "V", "W", "X", "Y", "Z",
];

const CLOTHES: &[&str] = &[
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// Small letters that look like no capital one.
const MERGED: [&str; 11] = ["a", "b", "d", "e", "f", "g", "h", "n", "q", "r", "t"];

const LOWER: [&str; 26] = [
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t", "u",
    "v", "w", "x", "y", "z",
];

const BY_MERGE: &[&str] = &joined::<47>(&MERGED);
const BY_CLASS: &[&str] = &joined::<62>(&LOWER);
const LETTERS: &[&str] = DIGITS_AND_UPPER.split_at(10).1;

/// Digits, capital letters and these.
const fn joined<const N: usize>(more: &[&'static str]) -> [&'static str; N] {
    let mut all = [""; N];
    let mut i = 0;
    while i < N {
        all[i] = if i < 36 { DIGITS_AND_UPPER[i] } else { more[i - 36] };
        i += 1;
    }
    all
}

/// A part of EMNIST: all are in one archive, with images that stand on their side.
const fn emnist(
    name: &'static str,
    title: &'static str,
    files: [&'static str; 4],
    class_names: Option<&'static [&'static str]>,
    first_label: u8,
) -> Known {
    Known {
        name,
        title,
        licence: "published by NIST",
        address: "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
        debian_package: None,
        class_names,
        files,
        layout: Layout { transposed: true, first_label },
        sha256: None,
        sums: Sums::Archive("fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e"),
    }
}

/// The names of the files of a part of EMNIST.
macro_rules! emnist_files {
    ($part:literal) => {
        [
            concat!("emnist-", $part, "-train-images-idx3-ubyte"),
            concat!("emnist-", $part, "-train-labels-idx1-ubyte"),
            concat!("emnist-", $part, "-test-images-idx3-ubyte"),
            concat!("emnist-", $part, "-test-labels-idx1-ubyte"),
        ]
    };
}

/// Every known dataset.
pub const KNOWN: [Known; 10] = [
    Known {
        name: "mnist",
        title: "handwritten digits",
        licence: "CC BY-SA 3.0",
        address: "https://storage.googleapis.com/cvdf-datasets/mnist",
        debian_package: None,
        class_names: None,
        files: FILES,
        layout: Layout::AS_IS,
        sha256: Some([
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ]),
        sums: Sums::Sha256([
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ]),
    },
    Known {
        name: "fashion-mnist",
        title: "clothes",
        licence: "MIT",
        address: "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        debian_package: Some("dataset-fashion-mnist"),
        class_names: Some(CLOTHES),
        files: FILES,
        layout: Layout::AS_IS,
        sha256: Some([
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ]),
        sums: Sums::Sha256([
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ]),
    },
    Known {
        name: "kmnist",
        title: "cursive Japanese characters",
        licence: "CC BY-SA 4.0",
        address: "http://codh.rois.ac.jp/kmnist/dataset/kmnist",
        debian_package: None,
        class_names: Some(&["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]),
        files: FILES,
        layout: Layout::AS_IS,
        sha256: None,
        sums: Sums::Sha256([
            "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
            "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
            "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
            "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
        ]),
    },
    Known {
        name: "qmnist",
        title: "handwritten digits, with MNIST's 50,000 lost test images",
        licence: "BSD",
        address: "https://raw.githubusercontent.com/facebookresearch/qmnist/master",
        debian_package: None,
        class_names: None,
        files: [
            "qmnist-train-images-idx3-ubyte",
            "qmnist-train-labels-idx2-int",
            "qmnist-test-images-idx3-ubyte",
            "qmnist-test-labels-idx2-int",
        ],
        layout: Layout::AS_IS,
        sha256: None,
        sums: Sums::Md5([
            "ed72d4157d28c017586c42bc6afe6370",
            "0058f8dd561b90ffdd0f734c6a30e5e4",
            "1394631089c404de565df7b7aeaf9412",
            "5b5b05890a5e13444e108efe57b788aa",
        ]),
    },
    emnist(
        "emnist-balanced",
        "handwritten digits and letters, as many of each",
        emnist_files!("balanced"),
        Some(BY_MERGE),
        0,
    ),
    emnist("emnist-byclass", "handwritten digits and letters", emnist_files!("byclass"), Some(BY_CLASS), 0),
    emnist(
        "emnist-bymerge",
        "handwritten digits and letters, with c and C and their like as one",
        emnist_files!("bymerge"),
        Some(BY_MERGE),
        0,
    ),
    emnist("emnist-digits", "handwritten digits", emnist_files!("digits"), None, 0),
    emnist(
        "emnist-letters",
        "handwritten letters, small or capital",
        emnist_files!("letters"),
        Some(LETTERS),
        1,
    ),
    emnist("emnist-mnist", "handwritten digits, as many as in MNIST", emnist_files!("mnist"), None, 0),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_classes_of_emnist() {
        let names = |name: &str| KNOWN.iter().find(|known| known.name == name).unwrap().class_names.unwrap();
        let at = |name: &str, i: usize| names(name)[i];
        assert_eq!(
            (names("emnist-letters").len(), at("emnist-letters", 0), at("emnist-letters", 25)),
            (26, "A", "Z")
        );
        assert_eq!(
            (names("emnist-byclass").len(), at("emnist-byclass", 35), at("emnist-byclass", 61)),
            (62, "Z", "z")
        );
        // The last lines of emnist-balanced-mapping.txt: 36 is a (97), 38 d (100), 46 t (116).
        let merged = [36, 37, 38, 43, 44, 46].map(|i| at("emnist-balanced", i)).concat();
        assert_eq!((names("emnist-balanced").len(), &*merged), (47, "abdnqt"));
    }
}
