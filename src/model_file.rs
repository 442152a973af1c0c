//! stub
#![allow(missing_docs)]
use crate::error::Result;
use crate::network::Network;
use std::path::Path;
pub struct Model {
    pub network: Network,
    pub class_names: Option<Vec<String>>,
    pub training: Option<serde_json::Value>,
}
pub fn save(_p: &Path, _m: &Model) -> Result<()> {
    Ok(())
}
pub fn load(_p: &Path) -> Result<Model> {
    Err(crate::Error::failed("stub"))
}
pub fn check_target(_p: &Path) -> Result<()> {
    Ok(())
}
