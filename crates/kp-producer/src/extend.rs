//! What code of the user's runs inside? Interceptors, partitioners and serializers: configured once, closed once in order.

pub(crate) mod extension;
pub(crate) mod extensions;
pub(crate) mod interceptor;
pub(crate) mod trace_context;
