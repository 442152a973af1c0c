//! Model files: what is saved is loaded to the same bits, PyTorch's files are read, and every defect is refused with
//! one sentence.

use std::fs;
use std::path::Path;

use mnist_fast::activation::Activation;
use mnist_fast::model_file::{Model, check_target, load, open, save};
use mnist_fast::network::Network;
use serde_json::json;

use crate::scratch::{Scratch, assert_says, files_under};

/// A 2-3-2 network as safetensors' own writer lays it out for PyTorch: tensors by name, biases first.
const HEADER: &str = r#"{"__metadata__":{"format":"pt"},"0.bias":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},"0.weight":{"dtype":"F32","shape":[3,2],"data_offsets":[12,36]},"2.bias":{"dtype":"F32","shape":[2],"data_offsets":[36,44]},"2.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[44,68]}} "#;

/// Its data: 1, 2, ... 17.
fn data() -> Vec<u8> {
    (1..=17).flat_map(|i| (i as f32).to_le_bytes()).collect()
}

fn file(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

/// The handwritten header with its one `from` replaced by `to`.
#[track_caller]
fn header_with(from: &str, to: &str) -> String {
    assert_eq!(HEADER.matches(from).count(), 1, "{from}");
    HEADER.replace(from, to)
}

#[track_caller]
fn error_of<T>(result: mnist_fast::Result<T>) -> String {
    match result {
        Ok(_) => panic!("should have been refused"),
        Err(error) => error.to_string(),
    }
}

/// A file of these bytes is refused with one line that names it and says all of `parts`.
#[track_caller]
fn refused(bytes: &[u8], parts: &[&str]) {
    let scratch = Scratch::new();
    let message = error_of(load(&scratch.put("model.safetensors", bytes)));
    assert_says(&message, &[&["model.safetensors"], parts].concat());
    assert!(message.lines().count() == 1 && message.len() < 500, "{message}");
}

/// The handwritten file with a change in its header is refused.
#[track_caller]
fn refused_with(from: &str, to: &str, parts: &[&str]) {
    refused(&file(&header_with(from, to), &data()), parts);
}

/// The handwritten file with these tensors, the data as long as they need it, is refused.
#[track_caller]
fn refused_tensors(tensors: &[(&str, &str, &str, usize)], parts: &[&str]) {
    let mut end = 0;
    let entries = tensors.iter().map(|(name, dtype, shape, bytes)| {
        let begin = end;
        end += bytes;
        format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{begin},{end}]}}"#)
    });
    let header = format!("{{{}}}", entries.collect::<Vec<_>>().join(","));
    refused(&file(&header, &vec![0; end]), parts);
}

#[track_caller]
fn load_bytes(bytes: &[u8]) -> Model {
    let scratch = Scratch::new();
    load(&scratch.put("model.safetensors", bytes)).unwrap_or_else(|error| panic!("{error}"))
}

fn bits(network: &Network) -> Vec<u32> {
    let layers = network.layers().iter();
    let rows = layers.flat_map(|l| (0..l.inputs()).map(|i| l.weight_row(i)).chain([l.biases()]));
    rows.flatten().map(|x| x.to_bits()).collect()
}

fn class_names() -> Vec<String> {
    ["T-shirt/top", "\"quoted\"", "Stra\u{df}e", "4", "5", "6", "7", "8", "9", "10"]
        .map(String::from)
        .to_vec()
}

// ---- what works

#[test]
fn round_trip() {
    let scratch = Scratch::new();
    let several = [Activation::Tanh, Activation::LeakyRelu(0.01), Activation::Sigmoid];
    for (sizes, activations) in [
        (&[784, 128, 128, 10][..], &[Activation::Relu][..]),
        (&[784, 10], &[Activation::Relu]),
        (&[3, 17, 1, 5, 10], &several),
        (&[3, 17, 4, 10], &[Activation::LeakyRelu(1e-9)]),
    ] {
        let saved = Model {
            network: Network::glorot_uniform(sizes, 42).unwrap().with_activations(activations).unwrap(),
            class_names: Some(class_names()),
            training: Some(json!({"seed": 42, "lr": 0.001, "hidden": [128, 128]})),
        };
        let (first, second) = (scratch.path("first"), scratch.path("second"));
        save(&first, &saved).unwrap();
        let model = load(&first).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(bits(&model.network), bits(&saved.network));
        assert_eq!(model.network.sha256(), saved.network.sha256());
        assert_eq!(model.network.activations(), saved.network.activations());
        assert_eq!(model.class_names, saved.class_names);
        assert_eq!(model.training, saved.training);

        // Over a file that is there, and from what was loaded: the same bytes.
        fs::write(&second, "something older").unwrap();
        save(&second, &model).unwrap();
        assert_eq!(fs::read(&first).unwrap(), fs::read(&second).unwrap());
    }
    assert_eq!(files_under(&scratch.path(".")), ["first", "second"]);
}

/// Every byte of a small file; the tensors' bytes are [out, in].
#[test]
fn layout() {
    let scratch = Scratch::new();
    let path = scratch.path("model.safetensors");
    let mut network = Network::zeros(&[2, 3]).unwrap();
    network.layers_mut()[0].set(&[1.0, 2.0, 3.0, 4.0, 5.0, -0.0], &[7.0, 8.0, 9.0]).unwrap();
    let sha256 = network.sha256();
    save(&path, &Model { network, class_names: None, training: Some(json!({})) }).unwrap();

    let bytes = fs::read(&path).unwrap();
    let len = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    assert_eq!(len % 8, 0);
    let version = env!("CARGO_PKG_VERSION");
    let expected = format!(
        r#"{{"__metadata__":{{"activation":"relu","architecture":"2-3","mnist_fast_format":"1","normalization":"pixels / 255","producer":"mnist-fast {version}","training":"{{}}","weights_sha256":"{sha256}"}},"0.weight":{{"dtype":"F32","shape":[3,2],"data_offsets":[0,24]}},"0.bias":{{"dtype":"F32","shape":[3],"data_offsets":[24,36]}}}}"#
    );
    assert_eq!(str::from_utf8(&bytes[8..8 + len]).unwrap().trim_end_matches(' '), expected);
    let floats = [1.0f32, 4.0, 2.0, 5.0, 3.0, 0.0, 7.0, 8.0, 9.0];
    assert_eq!(bytes[8 + len..], floats.map(f32::to_le_bytes).concat());
}

#[test]
fn a_file_from_pytorch() {
    let model = load_bytes(&file(HEADER, &data()));
    let [first, second] = model.network.layers() else { panic!("two layers") };
    assert_eq!((first.inputs(), first.outputs(), second.outputs()), (2, 3, 2));
    assert_eq!(first.biases(), [1.0, 2.0, 3.0]);
    assert_eq!(first.weight_row(0), [4.0, 6.0, 8.0]);
    assert_eq!(first.weight_row(1), [5.0, 7.0, 9.0]);
    assert_eq!(second.biases(), [10.0, 11.0]);
    assert_eq!(second.weight_row(0), [12.0, 15.0]);
    assert_eq!(second.weight_row(2), [14.0, 17.0]);
    assert!(model.class_names.is_none() && model.training.is_none());
}

#[test]
fn whether_a_file_says_its_activations() {
    let scratch = Scratch::new();
    let theirs = scratch.put("theirs", &file(HEADER, &data()));
    let (loaded, ours) = (open(&theirs).unwrap(), scratch.path("ours"));
    assert!(!loaded.says_activations);
    assert_eq!(loaded.model.network.activations(), [Activation::Relu]);
    save(&ours, &loaded.model).unwrap();
    assert!(open(&ours).unwrap().says_activations);
}

#[test]
fn a_file_without_metadata() {
    let header = header_with(r#""__metadata__":{"format":"pt"},"#, "");
    assert_eq!(load_bytes(&file(&header, &data())).network.parameters(), 17);
}

#[test]
fn a_zero_loads_without_its_sign() {
    let mut data = data();
    data[..4].copy_from_slice(&(-0.0f32).to_le_bytes());
    assert_eq!(load_bytes(&file(HEADER, &data)).network.layers()[0].biases()[0].to_bits(), 0);
}

// ---- the file

#[test]
fn absent_file() {
    let message = error_of(load(Path::new("no/such/model.safetensors")));
    assert_says(&message, &["no/such/model.safetensors does not exist", "check the path"]);
}

#[test]
fn folder_in_place_of_a_file() {
    assert_says(&error_of(load(&Scratch::new().path("data"))), &["is a folder", "regular file"]);
}

#[test]
fn empty_file() {
    refused(&[], &["is empty", "safetensors", "save or copy it again"]);
}

#[test]
fn shorter_than_the_headers_length() {
    refused(&[1, 2, 3], &["has 3 bytes", "begins with 8"]);
    refused(&[1], &["has 1 byte, "]);
}

#[test]
fn header_longer_than_the_file() {
    let bytes = file(HEADER, &data());
    refused(&bytes[..100], &["header of 280 bytes", "at most 92"]);
    refused(&[0xff; 64], &["header of 18446744073709551615 bytes", "at most 56"]);
}

#[test]
fn header_longer_than_any() {
    refused(&file(&" ".repeat(1 << 21), &[]), &["header of 2097152 bytes", "at most 1048576"]);
}

#[test]
fn zip_archive() {
    refused(b"PK\x03\x04\x14\0\0\0\0\0\0\0", &["is a zip archive", "cut short", "copy it again"]);
}

#[test]
fn data_cut_short() {
    let bytes = file(HEADER, &data());
    refused(&bytes[..bytes.len() - 1], &["is cut short", "2.weight", "byte 68", "there are 67"]);
}

#[test]
fn trailing_bytes() {
    refused(&file(HEADER, &[&data()[..], b"\r\n"].concat()), &["2 bytes after its last tensor"]);
}

// ---- the header

#[test]
fn header_not_utf8() {
    let mut bytes = file(HEADER, &data());
    bytes[8 + 3] = 0xff;
    refused(&bytes, &["not UTF-8 from its byte 3"]);
}

#[test]
fn header_not_json() {
    refused(&file("{\"0.weight\":", &data()), &["not JSON", "line 1 column 12"]);
    refused(&file(&"{\"a\":".repeat(1000), &data()), &["not JSON", "recursion"]);
    refused(&file(&(HEADER.to_owned() + "x"), &data()), &["not JSON"]);
}

#[test]
fn header_not_an_object() {
    for header in ["[]", "", " {}", "null"] {
        refused(&file(header, &[]), &["does not begin with {", "JSON object"]);
    }
}

#[test]
fn metadata_not_strings() {
    refused_with(r#"{"format":"pt"}"#, r#"{"format":1}"#, &["metadata \"format\"", "not a string"]);
    refused_with(r#"{"format":"pt"}"#, "[]", &["__metadata__", "not a JSON object"]);
}

/// serde_json keeps the last of equal keys, so the first one's bytes would belong to nobody, or to the same tensor.
#[test]
fn duplicate_keys() {
    let twice = r#""0.bias":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},"#;
    refused_with(twice, &twice.repeat(2), &["a key twice"]);
    let elsewhere = twice.replace("[0,12]", "[12,24]");
    refused_with(twice, &(elsewhere + twice), &["a key twice"]);
    refused_with(r#"{"format":"pt"}"#, r#"{"a\":\\":"x","a\":\\":"x"}"#, &["a key twice"]);
    refused_with(r#""shape":[3],"#, r#""shape":[3],"shape":[3],"#, &["a key twice"]);
}

#[test]
fn colons_in_strings_are_no_keys() {
    let header = header_with(r#"{"format":"pt"}"#, r#"{"a:\":\\":"::\\\":","b":"{\"c\":1}"}"#);
    load_bytes(&file(&header, &data()));
}

#[test]
fn tensor_entries_of_another_form() {
    let good = r#"{"dtype":"F32","shape":[3],"data_offsets":[0,12]}"#;
    for bad in [
        "1",
        "{}",
        r#"{"dtype":"F32","shape":[3]}"#,
        r#"{"dtype":"F32","shape":[3],"data_offsets":[0,12],"more":0}"#,
        r#"{"dtype":1,"shape":[3],"data_offsets":[0,12]}"#,
        r#"{"dtype":"F32","shape":3,"data_offsets":[0,12]}"#,
        r#"{"dtype":"F32","shape":[-3],"data_offsets":[0,12]}"#,
        r#"{"dtype":"F32","shape":[3.0],"data_offsets":[0,12]}"#,
        r#"{"dtype":"F32","shape":[3],"data_offsets":[0]}"#,
        r#"{"dtype":"F32","shape":[3],"data_offsets":[0,6,12]}"#,
        r#"{"dtype":"F32","shape":[3],"data_offsets":[0,18446744073709551628]}"#,
    ] {
        refused_with(good, bad, &["the tensor \"0.bias\" otherwise than by its dtype, shape"]);
    }
}

#[test]
fn unknown_type() {
    let entry = r#""0.bias":{"dtype":"F32""#;
    refused_with(entry, r#""0.bias":{"dtype":"F31""#, &["\"0.bias\" of the unknown type \"F31\""]);
}

#[test]
fn shape_that_does_not_fill_its_bytes() {
    refused_with(r#""shape":[3],"#, r#""shape":[4],"#, &["\"0.bias\" the bytes 0..12", "F32 [4]"]);
    refused_with("[0,12]", "[12,0]", &["\"0.bias\" the bytes 12..0"]);
}

#[test]
fn shapes_and_offsets_that_overflow() {
    let huge = "[4294967296,4294967296,3]";
    refused_with(r#""shape":[3],"#, &format!(r#""shape":{huge},"#), &["does not fill exactly"]);
    refused_with(r#""shape":[3],"#, r#""shape":[18446744073709551615],"#, &["does not fill exactly"]);
    refused_with("[0,12]", "[18446744073709551603,18446744073709551615]", &["is cut short", "0.bias"]);
}

#[test]
fn overlapping_tensors() {
    refused_with("[12,36]", "[8,32]", &["\"0.weight\" overlap another"]);
}

#[test]
fn bytes_in_no_tensor() {
    let header = HEADER.replace("[36,44]", "[40,48]").replace("[44,68]", "[48,72]");
    refused(&file(&header, &[data(), vec![0; 4]].concat()), &["bytes 36..40 of its data in no tensor"]);
}

// ---- the network

#[test]
fn no_tensors() {
    refused(&file("{}", &[]), &["has no tensors", "nn.Sequential(Linear, ReLU, Linear, ...)"]);
}

#[test]
fn missing_tensors() {
    let weight = ("0.weight", "F32", "[3,2]", 24);
    refused_tensors(&[weight], &["has the tensor 0.weight but lacks 0.bias", "nn.Sequential"]);
    let rest = [weight, ("0.bias", "F32", "[3]", 12), ("2.bias", "F32", "[2]", 8)];
    refused_tensors(&rest, &["has the tensor 2.bias but lacks 2.weight"]);
}

#[test]
fn unexpected_names() {
    let good = [("0.weight", "F32", "[1,1]", 4), ("0.bias", "F32", "[1]", 4)];
    for name in ["fc1.weight", "00.weight", "0.weight.0", "", "\\u001b[2J", "running_mean", "1.running_mean"]
    {
        for others in [&good[..0], &good] {
            let tensors = [others, &[(name, "F32", "[1,1]", 4)]].concat();
            refused_tensors(&tensors, &["has the tensor \"", "such as 0.weight and 0.bias", "nn.Sequential"]);
        }
    }
    let long = "x".repeat(100_000);
    refused_tensors(&[(&long, "F32", "[1,1]", 4)], &["xxx..."]);
    refused_tensors(&[(&(long + ".0.weight"), "F32", "[1,1]", 4)], &["xxx...", "lacks"]);
    let two = [good[0], good[1], ("net.1.weight", "F32", "[1,1]", 4), ("net.1.bias", "F32", "[1]", 4)];
    refused_tensors(&two, &["\"0.bias\" and \"net.1.bias\", which are of two networks"]);
    let next = [good[0], good[1], ("1.weight", "F32", "[1,1]", 4), ("1.bias", "F32", "[1]", 4)];
    refused_tensors(&next, &["the layers 0 and 1 with no activation between them", "nn.Sequential"]);
}

/// `Sequential(Flatten, Linear, ReLU, Dropout, Linear)`, numbers of two digits, a `Sequential` in a field of a module.
#[test]
fn layers_by_other_numbers() {
    let expected = load_bytes(&file(HEADER, &data())).network.sha256();
    for [first, second] in
        [["1", "4"], ["9", "11"], ["layers.0", "layers.2"], ["a.7.b.1", "a.7.b.10"], ["3", "100000000000"]]
    {
        let header = HEADER.replace("\"0.", &format!("\"{first}.")).replace("\"2.", &format!("\"{second}."));
        assert_eq!(load_bytes(&file(&header, &data())).network.sha256(), expected, "{first} {second}");
    }
}

#[test]
fn other_types_than_f32() {
    for (dtype, bytes) in [("F16", 2), ("BF16", 2), ("F64", 8), ("I32", 4), ("U8", 1)] {
        let tensors = [("0.weight", "F32", "[1,1]", 4), ("0.bias", dtype, "[1]", bytes)];
        refused_tensors(&tensors, &["tensor 0.bias as ", dtype, "F32 was expected", "model.float()"]);
    }
}

#[test]
fn wrong_ranks() {
    let bias = ("0.bias", "F32", "[3]", 12);
    for shape in ["[6]", "[3,2,1]"] {
        refused_tensors(&[("0.weight", "F32", shape, 24), bias], &["0.weight of shape", "[outputs, inputs]"]);
    }
    refused_tensors(&[("0.weight", "F32", "[]", 4), bias], &["0.weight of shape []"]);
    let ones = format!("[{}1]", "1,".repeat(60_000));
    refused_tensors(&[("0.weight", "F32", &ones, 4), bias], &["0.weight of shape [1, 1, 1", "..."]);
    let tensors = [("0.weight", "F32", "[3,2]", 24), ("0.bias", "F32", "[1,3]", 12)];
    refused_tensors(&tensors, &["0.bias of shape [1, 3], where [3], one"]);
}

#[test]
fn sizes_of_zero() {
    let tensors = [("0.weight", "F32", "[3,0]", 0), ("0.bias", "F32", "[3]", 12)];
    refused_tensors(&tensors, &["0.weight of shape [3, 0]", "no size of 0 was expected"]);
}

#[test]
fn bias_of_another_length() {
    let tensors = [("0.weight", "F32", "[3,2]", 24), ("0.bias", "F32", "[2]", 8)];
    refused_tensors(
        &tensors,
        &["0.bias of shape [2], where [3], one for each output of 0.weight, was expected"],
    );
}

#[test]
fn layers_that_do_not_chain() {
    let first = [("0.weight", "F32", "[3,2]", 24), ("0.bias", "F32", "[3]", 12)];
    let second = [("2.weight", "F32", "[2,4]", 32), ("2.bias", "F32", "[2]", 8)];
    let message = "2.weight of shape [2, 4], where an input for each of 3 outputs before it was expected";
    refused_tensors(&[first, second].concat(), &[message]);
}

#[test]
fn parameters_that_are_not_finite() {
    for (value, text) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        for (i, place) in [(2, "0.bias[2]"), (8, "0.weight[2, 1]"), (14, "2.weight[1, 0]")] {
            let mut data = data();
            data[i * 4..i * 4 + 4].copy_from_slice(&value.to_le_bytes());
            refused(&file(HEADER, &data), &[&format!("has {text} at {place}"), "finite", "diverge"]);
        }
    }
}

// ---- the metadata

#[track_caller]
fn refused_metadata(key: &str, text: &str, parts: &[&str]) {
    let metadata = json!({ key: text }).to_string();
    refused_with(r#"{"format":"pt"}"#, &metadata, parts);
}

/// Every bit of every weight counts; a file that is edited on purpose drops the key.
#[test]
fn weights_other_than_those_that_were_saved() {
    let scratch = Scratch::new();
    let (saved, path) = (load_bytes(&file(HEADER, &data())), scratch.path("model.safetensors"));
    save(&path, &saved).unwrap();
    let good = fs::read(&path).unwrap();
    for at in [1, 4, 30, data().len()] {
        let mut bytes = good.clone();
        let at = bytes.len() - at;
        bytes[at] ^= 1;
        let (was, key) = (saved.network.sha256(), "weights_sha256");
        let fix = "leave weights_sha256 out of its metadata";
        refused(&bytes, &["has other weights than those that it was saved with: their SHA-256 is", fix]);
        let header_len = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header = str::from_utf8(&bytes[8..8 + header_len]).unwrap();
        let header = header.replace(&format!(",\"{key}\":\"{was}\""), "");
        assert_eq!(header.len() + 84, header_len);
        assert_ne!(load_bytes(&file(&header, &bytes[8 + header_len..])).network.sha256(), was);
    }
}

#[test]
fn another_hash() {
    let parts = ["has other weights than", "not what weights_sha256 says; copy or save it again"];
    refused_metadata("weights_sha256", "none", &parts);
}

#[test]
fn another_activation() {
    for text in ["gelu", "relu,tanh", "leaky-relu:-1", ""] {
        let found = format!("activation {text:?}");
        refused_metadata("activation", text, &[&found, "reads relu, leaky-relu", "all 1 hidden layers"]);
    }
}

#[test]
fn another_normalization() {
    refused_metadata("normalization", "mean 0.13", &["\"mean 0.13\"", "\"pixels / 255\""]);
}

#[test]
fn another_format() {
    refused_metadata("mnist_fast_format", "2", &["format \"2\"", "reads format 1", "newer version"]);
}

#[test]
fn another_architecture() {
    refused_metadata("architecture", "2-4-2", &["\"2-4-2\"", "those of 2-3-2"]);
}

#[test]
fn class_names_that_do_not_fit() {
    for names in ["cat", "[\"cat\"]", "[\"a\",\"b\",\"c\"]", "[1,2]", "{}"] {
        refused_metadata("class_names", names, &["has the class names", "a JSON list of 2 strings"]);
    }
}

#[test]
fn training_that_is_no_object() {
    for training in ["", "[]", "null", "{"] {
        refused_metadata("training", training, &["has the training configuration", "JSON object"]);
    }
}

// ---- saving

fn model() -> Model {
    Model { network: Network::glorot_uniform(&[4, 10], 1).unwrap(), class_names: None, training: None }
}

/// Neither `check_target` nor `save` accepts the path, and nothing is left under `folder`.
#[track_caller]
fn not_saved(scratch: &Scratch, path: &Path, parts: &[&str]) {
    let before = files_under(&scratch.path("."));
    for message in [error_of(check_target(path)), error_of(save(path, &model()))] {
        assert_says(&message, &[&["a model cannot be saved as"], parts].concat());
    }
    assert_eq!(files_under(&scratch.path(".")), before);
}

#[test]
fn targets_that_can_be_saved() {
    let scratch = Scratch::new();
    let path = scratch.path("model.safetensors");
    check_target(&path).unwrap();
    assert_eq!(files_under(&scratch.path(".")), [""; 0]);
    save(&path, &model()).unwrap();
    let bytes = fs::read(&path).unwrap();
    check_target(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), bytes);
    check_target(Path::new("a-name-alone.safetensors")).unwrap();
    assert!(!Path::new("a-name-alone.safetensors").exists());
}

#[test]
fn target_that_names_no_file() {
    let scratch = Scratch::new();
    for name in ["", "/", "..", "models/", "data/"] {
        let path = if name.len() > 2 { scratch.path(name) } else { name.into() };
        not_saved(&scratch, &path, &["not the name of a file", "model.safetensors"]);
    }
}

#[test]
fn target_is_a_folder() {
    let scratch = Scratch::new();
    not_saved(&scratch, &scratch.path("data"), &["it is a folder", "another name"]);
}

#[test]
fn folder_of_the_target_is_absent() {
    let scratch = Scratch::new();
    not_saved(&scratch, &scratch.path("no/model"), &["the folder", "does not exist", "create it"]);
}

#[test]
fn folder_of_the_target_is_a_file() {
    let scratch = Scratch::new();
    let file = scratch.put("file", b"");
    not_saved(&scratch, &file.join("model"), &["is a file, not a folder"]);
}

#[cfg(unix)]
#[test]
fn target_is_a_device_or_fifo() {
    let scratch = Scratch::new();
    not_saved(&scratch, Path::new("/dev/null"), &["it is a device"]);
    let fifo = scratch.path("fifo");
    if std::process::Command::new("mkfifo").arg(&fifo).status().is_ok_and(|status| status.success()) {
        not_saved(&scratch, &fifo, &["it is a FIFO"]);
        assert_says(&error_of(load(&fifo)), &["is a FIFO"]);
    } else {
        println!("skipped: mkfifo cannot be run here");
    }
}

#[cfg(unix)]
#[test]
fn folder_that_may_not_be_written() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    let folder = scratch.path("data");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(folder.join("probe"), b"").is_ok() {
        println!("skipped: this user writes everywhere");
    } else {
        not_saved(&scratch, &folder.join("model"), &["may not write to the folder", "another path"]);
    }
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn name_too_long() {
    let scratch = Scratch::new();
    not_saved(&scratch, &scratch.path(&"x".repeat(250)), &["name too long"]);
}

/// What could not be loaded again is not written, and the file that was there stays.
#[test]
fn models_that_are_not_saved() {
    let scratch = Scratch::new();
    let path = scratch.put("model", b"the old one");
    let not_saved = |change: fn(&mut Model), part: &str| {
        let mut model = model();
        change(&mut model);
        assert_says(&error_of(save(&path, &model)), &["the model was not saved as", part]);
        assert_eq!(fs::read(&path).unwrap(), b"the old one");
    };
    not_saved(|model| model.class_names = Some(vec!["cat".into()]), "has 10 classes but 1 names");
    not_saved(|model| model.training = Some(json!([])), "no JSON object");
    not_saved(|model| model.training = Some(json!({ "long": "x".repeat(1 << 20) })), "too long");
    assert_eq!(files_under(&scratch.path(".")), ["model"]);
}
