//! An entry of a gate whose `for_each` turned out to be empty: it is reported, because nothing was measured for it.

/// An entry of a gate with a `for_each` that has no items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoItems {
    /// Its `name:`, else the gate file that it uses, else its kind.
    pub name: String,
    /// Its kind, or `use`.
    pub kind: String,
    /// The list as it is written, where it is an expression.
    pub list: Option<String>,
}

impl NoItems {
    /// Why nothing was measured: `0 items: the list ${{ vars.urls }} is empty`.
    pub fn reason(&self) -> String {
        match &self.list {
            Some(list) => format!("0 items: the list {list} is empty"),
            None => "0 items: no combination is left".to_owned(),
        }
    }
}
