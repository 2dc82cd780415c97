//! Methods that are not built answer `UNIMPLEMENTED` with their name.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use store::rights::Call;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::{Code, Status};
use tower_service::Service;

/// The API service, with an answer for every other method.
#[derive(Clone, Debug)]
pub struct Named<S>(pub S);

impl<S> NamedService for Named<S> {
    const NAME: &'static str = "proto.API";
}

impl<S> Service<http::Request<Body>> for Named<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let method = request.uri().path().rsplit('/').next().unwrap_or_default();
        // What it takes is in the table of rights; without a line there nobody gets through.
        if Call::find(method).is_some() {
            return Box::pin(self.0.call(request));
        }
        let answer = answer(method).into_http();
        Box::pin(async move { Ok(answer) })
    }
}

fn answer(method: &str) -> Status {
    let text = match proto::METHODS.contains(&method) {
        true => format!("{method} is not implemented by this version of Harrier"),
        false => format!("proto.API has no method {method}"),
    };
    Status::new(Code::Unimplemented, text)
}
