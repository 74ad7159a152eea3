//! Tokens of an endpoint that answers as a test says, over a socket of this machine; time stands still unless it is moved.

mod answers;
mod assertions;
mod endpoint;
mod files;
mod requests;
mod retries;
