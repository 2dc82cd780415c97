//! A certificate authority of a test, for tests of this folder and of the crate itself.

use std::sync::Arc;

use tokio_rustls::TlsAcceptor;

/// The authority's certificate, and who has one of it for `localhost`.
pub fn authority() -> (String, TlsAcceptor) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut about = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    about.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let certificate = about.self_signed(&key).unwrap().pem();
    let issuer = rcgen::Issuer::new(about, key);
    let key = rcgen::KeyPair::generate().unwrap();
    let own = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let chain = vec![own.signed_by(&key, &issuer).unwrap().into()];
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap();
    (certificate, TlsAcceptor::from(Arc::new(config)))
}
