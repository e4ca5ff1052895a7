//! The table of diagnostic codes: one row a code, the text behind `pipeline explain CODE`.

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeRow {
    /// The code.
    pub code: Code,
    /// Its name, as printed and as typed after `explain`.
    pub name: &'static str,
    /// What it means and what to do, in a few sentences.
    pub explanation: &'static str,
}

macro_rules! codes {
    ($($variant:ident $name:literal $explanation:literal)*) => {
        /// What can be wrong with a pipeline's files.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $explanation] $variant,)*
        }

        /// Every code, sorted by name.
        pub const CODES: &[CodeRow] =
            &[$(CodeRow { code: Code::$variant, name: $name, explanation: $explanation },)*];
    };
}

impl Code {
    /// Its row in [`CODES`].
    pub fn row(self) -> &'static CodeRow {
        &CODES[self as usize]
    }
}

codes! {
    AliasBomb "alias-bomb"
        "Aliases (`*name`) expand to more than the document could hold by itself. Write the repeated part as `vars` or as a gate file with parameters."
    Cycle "cycle"
        "Stages or steps wait for each other in a circle, so none of them could start, or gate files or parts use each other in one. The shortest circle is shown, every edge labelled; remove one `needs`, `during`, `use` or output reference."
    DuplicateKey "duplicate-key"
        "The same key occurs twice in one mapping. YAML forbids it, and the second would silently win; both places are shown."
    DuplicateName "duplicate-name"
        "Two stages carry the same name, or one stage file is listed twice. Every stage needs a name of its own, because `needs:` and `--stage` find it by name."
    EmptyFile "empty-file"
        "The file has no content other than comments. A pipeline file starts with `version: 1`, a stage file with `stage: NAME`, a gate file with a list of assertions."
    FileTooLarge "file-too-large"
        "The file is larger than 8 MiB. A pipeline is written by people; a file this large is usually a wrong path."
    ForeignSpelling "foreign-spelling"
        "A key or a structure of another tool: GitHub Actions, GitLab, Taskfile, Tekton, Argo, chainsaw, Skaffold, Compose. What to write is shown; docs/coming-from.md has the table."
    InvalidExpression "invalid-expression"
        "The CEL expression does not parse. See <https://cel.dev> for the language; `pipeline explain expressions` lists the names it may use."
    InvalidName "invalid-name"
        "Names of stages, steps, vars and secrets are letters, digits, `-` and `_`, start with a letter, and are at most 255 characters long. Some names are reserved. Names of outputs are letters, digits, `-` and `_`; those of environment variables are not empty and hold no `=`."
    InvalidReference "invalid-reference"
        "A file reference leaves the project's folder, by `..`, an absolute path or a symbolic link, or names a file of another sort: a stage file where a gate file belongs. Keep what a pipeline uses inside the project."
    InvalidTemplate "invalid-template"
        "A `${{ }}` is not closed or empty, or is where no value can be put in. `$${{` writes the characters themselves."
    InvalidUnit "invalid-unit"
        "The value has no unit, or one that does not fit what is measured. Sizes take kB, MB, GB or KiB, MiB, GiB; durations ms, s, m, h; rates /s; shares %."
    InvalidUtf8 "invalid-utf8"
        "The file is not UTF-8 text. Save it as UTF-8 without other encodings."
    InvalidValue "invalid-value"
        "The value has the right type, but is not one that this key takes."
    MissingFile "missing-file"
        "The file or folder does not exist. Paths are relative to the folder of pipeline.yaml."
    MissingKey "missing-key"
        "A required key is missing in this mapping."
    NotOneKind "not-one-kind"
        "A step has exactly one kind (`shell`, `kube`, …), an assertion likewise. Write two steps instead of two kinds in one."
    SecretMisplaced "secret-misplaced"
        "A secret may stand only where its value travels unseen: in `env`, in the data of a kube Secret, in helm's secret values. Anywhere else it would show in logs, argv or the cluster."
    Syntax "syntax"
        "The file is not well-formed YAML."
    Tab "tab"
        "YAML does not allow tabs for indentation. Use spaces."
    TemplateInScript "template-in-script"
        "`${{ }}` inside a script would be pasted into it as code, quotes and all (script injection). Put the value into `env:` and use \"$NAME\" in the script."
    UnknownKey "unknown-key"
        "This key is not known here."
    UnknownName "unknown-name"
        "An expression names something that does not exist: expressions know `vars`, `secrets`, `env`, `run`, `stages`, `steps` and, where they have a value, `item` (with `for_each`), `params` (in gate files) and `self` (in what a kind measures)."
    UnknownNeed "unknown-need"
        "`needs` or `during` names a stage or step that does not exist."
    UnknownOutput "unknown-output"
        "An expression refers to an output that the step does not publish. A shell step declares its outputs with `outputs: [name]`; `pipeline explain KIND` lists those of the other kinds."
    UnknownSecret "unknown-secret"
        "An expression refers to a secret that pipeline.yaml does not declare under `secrets:`."
    UnknownStep "unknown-step"
        "An expression or `of:` refers to a step that does not exist in this stage."
    UnknownVar "unknown-var"
        "An expression refers to a var that pipeline.yaml does not declare under `vars:`, or a var to one that is below it: a var sees only the vars above it."
    WrongType "wrong-type"
        "The value has the wrong type: a list where a mapping belongs, a text where a number belongs."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_in_the_order_of_the_enum() {
        assert!(CODES.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert!(CODES.iter().all(|row| row.code.row() == row));
    }
}
