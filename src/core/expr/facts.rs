//! Calls that ask the environment: the cluster, files of the project. What they ask for is found out before the expression
//! is evaluated, so its text must be written out; the value is then a name like any other. Asks nothing itself.

use super::error::ExprError;
use super::tree::{Access, Field, Kind, Name, Node, Tree};
use super::value::Value;

/// The root of the values: no user can write it.
pub const FACTS: &str = "#facts";

/// Something of the environment that an expression asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fact {
    /// What is asked.
    pub ask: Ask,
    /// Of what: a kind, an object, a path, a pattern.
    pub of: String,
}

/// What is asked of the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ask {
    /// Whether the cluster has an object: this one, or any of a kind.
    ClusterHas,
    /// Whether the cluster serves a kind.
    ClusterServes,
    /// The text of a file.
    FileText,
    /// Whether something is at a path.
    FileExists,
    /// One digest over the files that a pattern names.
    FilesDigest,
}

/// A call of this kind, for the reference page.
pub(super) struct Row {
    pub ask: Ask,
    pub name: &'static str,
    pub signature: &'static str,
    pub meaning: &'static str,
    pub example: &'static str,
}

/// All of them, by name.
pub(super) const ROWS: &[Row] = &[
    Row {
        ask: Ask::ClusterHas,
        name: "cluster.has",
        signature: "cluster.has(string) -> bool",
        meaning: "whether the cluster has this object, or any object of this kind; those of namespaces in the pipeline's",
        example: "cluster.has(\"ingressclasses\")",
    },
    Row {
        ask: Ask::ClusterServes,
        name: "cluster.serves",
        signature: "cluster.serves(string) -> bool",
        meaning: "whether the cluster serves this kind, such as one of a CustomResourceDefinition",
        example: "cluster.serves(\"certificates.cert-manager.io\")",
    },
    Row {
        ask: Ask::FileExists,
        name: "file.exists",
        signature: "file.exists(string) -> bool",
        meaning: "whether something is at this path of the project",
        example: "file.exists(\"Dockerfile\")",
    },
    Row {
        ask: Ask::FileText,
        name: "file.text",
        signature: "file.text(string) -> string",
        meaning: "the text of this file of the project, without a line end at its end; at most 1 MiB",
        example: "file.text(\"VERSION\")",
    },
    Row {
        ask: Ask::FilesDigest,
        name: "files.digest",
        signature: "files.digest(string) -> string",
        meaning: "one digest over names and content of the files that this pattern names, in hexadecimal; it must name one",
        example: "files.digest(\"src/**\")",
    },
];

impl Fact {
    /// What the path of a reference asks for, if it asks for something.
    pub fn of(path: &[String]) -> Option<Self> {
        let [root, key, ..] = path else { return None };
        let (name, of) = key.split_once(' ').filter(|_| root == FACTS)?;
        ROWS.iter().find(|row| row.name == name).map(|row| Fact { ask: row.ask, of: of.to_owned() })
    }

    /// The name of its value below [`FACTS`].
    pub fn key(&self) -> String {
        format!("{} {}", self.name(), self.of)
    }

    /// The function that asks for it.
    pub fn name(&self) -> &'static str {
        ROWS.iter().find(|row| row.ask == self.ask).map_or("", |row| row.name)
    }

    /// Whether the cluster is asked.
    pub fn is_of_cluster(&self) -> bool {
        matches!(self.ask, Ask::ClusterHas | Ask::ClusterServes)
    }
}

/// The call of `full`, if it asks the environment; `name_at` is the place of its name.
pub(super) fn call(
    full: &str,
    args: &[Tree],
    name_at: (usize, usize),
    span: (usize, usize),
) -> Option<Result<Tree, ExprError>> {
    let row = ROWS.iter().find(|row| row.name == full)?;
    let [Tree { node: Node { kind: Kind::Literal(Value::Text(of)), .. }, .. }] = args else {
        let message = format!("`{full}` takes one text that is written out");
        let help = format!("write `{}`", row.example);
        return Some(Err(ExprError::at(name_at.0, span.1, message).help(help)));
    };
    let root = Node { span, kind: Kind::Name(Name { text: FACTS.into(), global: false }) };
    let field = Field { of: root, name: format!("{full} {of}").into(), access: Access::Value };
    Some(Tree::over(0, Kind::Field(Box::new(field)), span))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::expr::{Expr, Scope};

    fn facts(text: &str) -> Vec<Fact> {
        Expr::parse(text).expect(text).references().iter().filter_map(|found| Fact::of(&found.path)).collect()
    }

    #[test]
    fn a_call_is_a_reference_to_what_it_asks_for() {
        let text = "!cluster.has(\"ingressclasses\") || [1].exists(x, file.text('a b/VERSION') == string(x))";
        let found = facts(text);
        let has = Fact { ask: Ask::ClusterHas, of: "ingressclasses".into() };
        assert_eq!(found, [has.clone(), Fact { ask: Ask::FileText, of: "a b/VERSION".into() }]);
        assert_eq!((has.key().as_str(), has.is_of_cluster()), ("cluster.has ingressclasses", true));
        let mut scope = Scope::default();
        scope.roots.insert(FACTS.into(), json!({ has.key(): true, "file.text a b/VERSION": "1" }));
        assert_eq!(Expr::parse(text).expect(text).eval(&scope), Ok(json!(true)));
    }

    #[test]
    fn what_is_asked_for_must_be_written_out() {
        for text in ["cluster.has(vars.kind)", "file.text()", "files.digest('a', 'b')", "cluster.serves(1)"] {
            let error = Expr::parse(text).expect_err(text);
            assert!(error.message.ends_with("takes one text that is written out"), "{}", error.message);
        }
        let error = Expr::parse("cluster.hass('pods')").expect_err("no such function");
        assert_eq!(error.help.as_deref(), Some("did you mean \"cluster.has\"?"));
    }

    #[test]
    fn a_loop_may_call_its_variable_as_these_are_called() {
        let scope = Scope::default();
        for text in [
            "['a.yaml', 'b.yaml'].all(file, file.endsWith('.yaml'))",
            "cel.bind(files, ['a', 'b'], files.map(it, it.size()).size() == 2)",
            "['todo'].exists(cluster, cluster.contains('odo'))",
        ] {
            assert_eq!(Expr::parse(text).expect(text).eval(&scope), Ok(json!(true)), "{text}");
        }
    }

    #[test]
    fn every_example_can_be_parsed() {
        for row in ROWS {
            let found = facts(row.example);
            let [fact] = found.as_slice() else { panic!("{}", row.example) };
            assert_eq!((fact.ask, fact.name()), (row.ask, row.name));
        }
    }
}
