//! `umbractl token`: what can be typed.

use clap::{Args, Subcommand};

pub(crate) const HELP: &str = "\
A token is printed once, when it is made. Without a running control plane: umbra token, beside its database.

Examples:
  umbractl token create --role viewer --name dashboard --expires 30d
  umbractl token create --role operator --name deploy-bot --shadows team=cart
  umbractl token create --role node --name web --nodes 'web-*'
  umbractl token list
  umbractl token revoke 3f9a12c07be4 --reason 'laptop lost'";

/// Make, list or revoke.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token, and print it
    Create(CreateArgs),
    /// List the tokens, the youngest first
    List,
    /// Revoke a token: it is good for nothing from then on
    Revoke {
        /// Its id, as listed
        id: String,
        #[command(flatten)]
        reason: super::Reason,
    },
}

/// The token to make.
#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    /// viewer, operator, admin or node
    #[arg(long)]
    pub(crate) role: String,
    /// What it is called in the audit trail; its role without this
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The shadows that an operator may move: names between commas, or a label selector such as team=cart,env!=prod
    #[arg(long, value_name = "NAMES|SELECTOR")]
    pub(crate) shadows: Option<String>,
    /// The ids that a node may have, between commas; one that ends in * stands for all that begin so
    #[arg(long, value_name = "IDS", conflicts_with = "shadows")]
    pub(crate) nodes: Option<String>,
    /// How long it is good for; without end without this
    #[arg(long, value_name = "TIME")]
    pub(crate) expires: Option<String>,
    #[command(flatten)]
    pub(crate) reason: super::Reason,
}
