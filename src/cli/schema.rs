//! `pipeline schema`: the JSON Schema of a kind of file, for editors (yaml-language-server reads draft-07).

use super::args::{Schema, SchemaOf};
use super::{REGISTRY, out};
use crate::core::model::exit_code::Exit;
use crate::core::model::outcome::Fault;
use crate::core::spec::schema;

/// Prints the schema.
#[expect(clippy::unnecessary_wraps, reason = "every command has this signature")]
pub(super) fn run(wanted: &Schema) -> Result<Exit, Fault> {
    let schema = match wanted.of {
        SchemaOf::Pipeline => schema::pipeline(REGISTRY),
        SchemaOf::Stage => schema::stage(REGISTRY),
        SchemaOf::Part => schema::part(REGISTRY),
        SchemaOf::Gate => schema::gate(REGISTRY),
    };
    out::data(&format!("{schema:#}"));
    Ok(Exit::Passed)
}
