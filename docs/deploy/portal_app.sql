-- Run once when the database cluster is made: the portal's own login, with its password from the environment.
-- `kundportal migrate` makes the other roles and gives this one its memberships (src/db/roles.sql).
\getenv app_password PORTAL_APP_PASSWORD
CREATE ROLE portal_app LOGIN NOINHERIT PASSWORD :'app_password';
