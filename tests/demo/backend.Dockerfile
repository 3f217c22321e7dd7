# A shop's backend that uses the demo's payment provider instead of Stripe, for keys that move no money.
ARG BACKEND
FROM ${BACKEND}
ENV STRIPE_API_URL=http://52.0.0.1:443 STRIPE_PAGES=http://localhost:*
