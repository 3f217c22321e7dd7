-- A database with one of everything that could get lost.
CREATE EXTENSION pg_trgm;
CREATE SCHEMA "Weird ""schema""";
CREATE TYPE order_state AS ENUM ('new', 'paid', 'sent');
CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%');
CREATE TYPE address AS (street text, town text);
CREATE FUNCTION slug(title text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT lower(replace(title, ' ', '-')) $$;

CREATE TABLE product (
  id serial PRIMARY KEY,
  title text NOT NULL,
  handle text GENERATED ALWAYS AS (slug(title)) STORED,
  story text,
  price numeric(20, 4) CHECK (price >= 0),
  picture bytea,
  tags text[],
  extra jsonb DEFAULT '{}',
  UNIQUE (title)
);
COMMENT ON TABLE product IS 'What is sold: it''s "all" here; \n -- not a comment';
CREATE INDEX product_title_like ON product USING gin (title gin_trgm_ops);
CREATE INDEX product_cheap ON product (price) WHERE price < 10;
INSERT INTO product (title, price, picture, tags, extra)
  SELECT 'Product ' || n, n / 7.0, decode(md5(n::text), 'hex'), ARRAY['a', NULL, 'c,"d'], jsonb_build_object('n', n)
  FROM generate_series(1, 2000) n;
INSERT INTO product (title, price, picture, story) VALUES
  ('naïve 日本語 🛒 ' || chr(1) || E'\t\n\r\\. \\N COMMIT; $$', 0, '\x00ff00', ''),
  ('', 12345678901234.5678, NULL, NULL),
  ('big', 1, (SELECT string_agg(sha256(n::text::bytea), ''::bytea) FROM generate_series(1, 40000) n), repeat('long', 300000));

CREATE TABLE customer (id bigint GENERATED ALWAYS AS IDENTITY (START 1000 INCREMENT 7) PRIMARY KEY, mail email UNIQUE, home address);
INSERT INTO customer (mail, home) VALUES ('ann@example.com', ('High "Street", 1', 'Ōsaka')), ('bob@example.com', NULL);

CREATE TABLE purchase (
  id uuid DEFAULT gen_random_uuid(), made timestamptz NOT NULL, state order_state DEFAULT 'new',
  customer bigint REFERENCES customer ON DELETE CASCADE, product int REFERENCES product
) PARTITION BY RANGE (made);
CREATE TABLE purchase_2026 PARTITION OF purchase FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE purchase_other PARTITION OF purchase DEFAULT;
INSERT INTO purchase (made, customer, product) SELECT '2025-12-01'::timestamptz + n * '1 day'::interval, 1000, n FROM generate_series(1, 60) n;

CREATE TABLE "Weird ""schema"""."Select; drop" ("a b" int, r int4range, EXCLUDE USING gist (r WITH &&)) ;
INSERT INTO "Weird ""schema"""."Select; drop" VALUES (1, '[1,5)'), (NULL, '[5,6)');

CREATE VIEW best AS SELECT p.title, count(*) FROM product p JOIN purchase ON p.id = product GROUP BY p.title;
CREATE MATERIALIZED VIEW stock AS SELECT state, count(*) AS number FROM purchase GROUP BY state;
CREATE UNIQUE INDEX ON stock (state);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.extra = NEW.extra || '{"touched": true}'; RETURN NEW; END $$;
CREATE TRIGGER touched BEFORE UPDATE ON product FOR EACH ROW EXECUTE FUNCTION touch();
CREATE SEQUENCE invoice INCREMENT 5 START 3 CYCLE MAXVALUE 1000;
SELECT nextval('invoice'), nextval('invoice');
CREATE SEQUENCE untouched START 42;
ALTER TABLE customer ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON customer USING (mail = current_user);
GRANT SELECT ON product TO PUBLIC;
REVOKE USAGE ON SCHEMA public FROM PUBLIC;
SELECT lo_from_bytea(4711, decode(repeat('00ff', 5000), 'hex'));
