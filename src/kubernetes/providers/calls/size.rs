//! How large a cluster is to be, and what this machine has for it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Invocation;
use crate::core::model::outcome::Failure;
use crate::core::model::units::ByteSize;
use crate::kubernetes::providers::Provider;
use crate::kubernetes::providers::host::{Host, QUERY};

/// An amount that is wanted, and the least that suffices. `want` and `min` are the same for a plain number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount<T> {
    /// Used where the machine has it.
    pub want: T,
    /// The least that suffices.
    pub min: T,
}

impl<T: Copy> Amount<T> {
    /// Exactly this.
    pub fn exact(amount: T) -> Self {
        Amount { want: amount, min: amount }
    }
}

/// As written: `4`, or `{ want: 4, min: 2 }`.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
enum Written<T> {
    /// Exactly this.
    Exact(T),
    /// At best `want`, at least `min`.
    Range(Range<T>),
}

/// A wanted amount and the least that suffices.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct Range<T> {
    /// Used if the machine has it.
    want: T,
    /// The least that suffices: the machine's own amount is used between the two.
    min: T,
}

impl<'de, T: Deserialize<'de> + Copy> Deserialize<'de> for Amount<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Written::<T>::deserialize(deserializer)? {
            Written::Exact(amount) => Amount::exact(amount),
            Written::Range(Range { want, min }) => Amount { want, min },
        })
    }
}

impl<T: JsonSchema> JsonSchema for Amount<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Amount_of_{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Written::<T>::json_schema(generator)
    }
}

/// How a cluster is to be made. What a provider has no option for is passed over, and named by [`Provider::ignores`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Size {
    /// Processors of each node.
    pub cpus: Option<Amount<u32>>,
    /// Memory of each node.
    pub memory: Option<Amount<ByteSize>>,
    /// Nodes; one by default.
    pub nodes: Option<u32>,
    /// Its Kubernetes: `v1.34.0`.
    pub version: Option<String>,
    /// Addons (minikube).
    pub addons: Vec<String>,
}

/// What the machine that runs the nodes has; `None` where it was not measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capacity {
    /// Processors.
    pub cpus: Option<u32>,
    /// Memory.
    pub memory: Option<ByteSize>,
}

impl Capacity {
    /// Docker's own capacity (on macOS and Windows: its virtual machine's), else the processors of this machine.
    pub(crate) async fn measure(host: &dyn Host) -> Self {
        let here = std::thread::available_parallelism().ok().and_then(|count| u32::try_from(count.get()).ok());
        let docker = Invocation::of("docker", ["info", "--format", "{{.NCPU}} {{.MemTotal}}"]);
        let answer = if host.has_program("docker") { host.ask(&docker, QUERY).await.ok() } else { None };
        let text = answer.filter(|answer| answer.code == Some(0)).map(|answer| answer.stdout).unwrap_or_default();
        let mut words = text.split_whitespace();
        let cpus = words.next().and_then(|cpus| cpus.parse().ok()).filter(|cpus| *cpus > 0);
        let memory = words.next().and_then(|bytes| bytes.parse().ok()).filter(|bytes| *bytes > 0).map(ByteSize);
        Capacity { cpus: cpus.or(here), memory }
    }
}

impl Size {
    /// The size that `provider` is asked for: of `want` and `min`, what the machine has. The words say what was reduced.
    ///
    /// # Errors
    /// [`Failure`] when the machine has less than the least that suffices.
    pub(crate) fn fitted(&self, provider: Provider, has: &Capacity) -> Result<(Size, Vec<String>), Failure> {
        let mut size = self.clone();
        let mut words = Vec::new();
        if let (Provider::Minikube, Some(cpus), Some(has)) = (provider, self.cpus, has.cpus) {
            // an exact amount is the provider's to judge, in its own words
            let has = if cpus.want == cpus.min { cpus.want } else { has };
            let used = fit("cpus", cpus, has, &mut words, |cpus| cpus.to_string())?;
            size.cpus = Some(Amount::exact(used));
        }
        if let (Provider::Minikube | Provider::K3d, Some(memory), Some(has)) = (provider, self.memory, has.memory) {
            // a tenth is left to the machine itself
            let free = ByteSize(has.0 / 10 * 9);
            let amount = Amount { want: memory.want.0, min: memory.min.0 };
            let free = if amount.want == amount.min { amount.want } else { free.0 };
            let used = fit("memory", amount, free, &mut words, |bytes| ByteSize(bytes).to_string())?;
            size.memory = Some(Amount::exact(ByteSize(used)));
        }
        Ok((size, words))
    }
}

fn fit<T: Copy + Ord>(
    key: &str,
    amount: Amount<T>,
    has: T,
    words: &mut Vec<String>,
    shown: impl Fn(T) -> String,
) -> Result<T, Failure> {
    let (want, min) = (amount.want.max(amount.min), amount.min);
    if has < min {
        let message = format!("{key}: this machine has {}, expected at least {}", shown(has), shown(min));
        return Err(Failure::new(message).help(format!("lower `{key}`, or give the machine (or Docker) more")));
    }
    if has < want {
        words.push(format!(
            "{key}: {} of the wanted {} (at least {}): this machine has no more",
            shown(has),
            shown(want),
            shown(min)
        ));
        return Ok(has);
    }
    Ok(want)
}

/// Whole mebibytes, rounded up.
pub(crate) fn mebibytes(size: ByteSize) -> u64 {
    size.0.div_ceil(1 << 20)
}
