//! A page of HTML about a server with the module.
fn main() {}
