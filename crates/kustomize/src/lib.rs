//! kustomize builds as a pure function of a tree of files.
//!
//! [`build`] takes a [`Tree`], the path of a folder and [`Options`], and gives an [`Outcome`]: the objects
//! with their [`Provenance`], or every independent [`Error`]; what was looked at; and [`Warning`]s. The
//! objects are the same as those of kustomize [`KUSTOMIZE_VERSION`]. Nothing else goes in or out: no file
//! system, no network, no processes, no clock, no environment, no state between builds.
//!
//! ```
//! use kustomize::{Code, MemoryTree, Options, build};
//!
//! let tree = MemoryTree::from_iter([
//!     ("k8s/kustomization.yaml", "resources:\n- frontenn.yaml\n"),
//!     ("k8s/frontend.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"),
//! ]);
//! let errors = build(&tree, "k8s", &Options::default()).result.unwrap_err();
//! assert_eq!(errors[0].code, Code::MissingFile);
//! assert_eq!(
//!     errors[0].to_string(),
//!     "k8s/kustomization.yaml:2:3: `frontenn.yaml` does not exist. Did you mean `frontend.yaml`?"
//! );
//! ```
//!
//! # Map
//!
//! A build reads from top to bottom like this:
//!
//! - `build`: the root kustomization, then what happens only at the root: hashes, name references, vars,
//!   order, annotations. A good place to start.
//! - `accumulate`: one kustomization and all below it. `steps`: its transformers, in kustomize's order.
//!   `absorb`: generated objects join the others.
//! - `kustomization`, `arguments`, `replacements`: what a kustomization file says; `decode`: from nodes to typed values.
//! - `paths`, `files`: from what is written to a file of the tree, within the fence and the budget.
//! - `resources`: documents become objects. `resource`: an object while it is being built, with its present
//!   and former identities (`identity`). `resource_set`: all of them, found by what they are or were called.
//! - `generators`, `transformers`: one file each, named as in kustomize. `plugins`: the same, described by
//!   objects under `generators`, `transformers` and `validators`.
//! - `merge`: strategic merge; `schema` knows which lists have keys, `openapi` reads other schemas.
//! - `json_patch`: RFC 6902, as lenient as kustomize. `selector`, `label_selector`: which objects are meant;
//!   `pattern`: regular expressions that are paid for.
//! - `config`: which fields of which kinds transformers work on; `configurations` and `crds` add to it;
//!   `field_spec` walks there. `value_path`, `structured`: the paths of replacements and vars.
//! - `metadata`: annotations about the build. `context`: what a build shares, such as its errors.
//! - `yaml`: the loader, which keeps the place of every node, and the writer.
//!
//! # What bounds a build
//!
//! Objects are transformed in place; nothing prints and parses them again in between. No transformer looks
//! at all objects for each object: identities are indexed. Every recursion is over nodes whose nesting the
//! loader has limited, or over kustomizations whose depth is limited; everything that may grow counts
//! against the [`Budget`].

mod absorb;
mod accumulate;
mod arguments;
mod build;
mod config;
mod configurations;
mod context;
mod crds;
mod decode;
mod error;
mod field_spec;
mod files;
mod generators;
mod identity;
mod json_patch;
mod kustomization;
mod label_selector;
mod memory_tree;
mod merge;
mod metadata;
mod object;
mod openapi;
mod options;
mod paths;
mod pattern;
mod plugins;
mod position;
mod replacements;
mod resource;
mod resource_set;
mod resources;
mod schema;
mod selector;
mod steps;
mod structured;
mod transformers;
pub mod tree;
mod value_path;
mod yaml;

pub use build::{Build, KUSTOMIZE_VERSION, Outcome, build, to_yaml};
pub use error::{Code, Error, Warning};
pub use memory_tree::MemoryTree;
pub use object::{Object, Provenance, Touch};
pub use options::{Budget, LoadRestrictor, Options, Order};
pub use position::Position;
pub use tree::{Entry, Tree, TreeError};
