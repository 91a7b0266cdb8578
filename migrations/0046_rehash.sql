-- A password that was hashed at a lower cost is hashed anew when its owner types it (security statement 56). It is the same
-- password: nobody is told, and no session ends.
CREATE FUNCTION password_rehash(who uuid, was text, anew text) RETURNS boolean
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  done boolean;
BEGIN
  PERFORM set_config('portal.same_password', 'on', true);
  UPDATE person p SET password_hash = anew WHERE p.id = who AND p.password_hash = was;
  done := FOUND;
  PERFORM set_config('portal.same_password', '', true);
  RETURN done;
END
$$;
GRANT EXECUTE ON FUNCTION password_rehash(uuid, text, text) TO portal_app;
DROP TRIGGER person_password_told ON person;
CREATE TRIGGER person_password_told AFTER UPDATE OF password_hash ON person FOR EACH ROW
  WHEN (NEW.password_hash IS NOT NULL AND OLD.password_hash IS DISTINCT FROM NEW.password_hash
        AND coalesce(current_setting('portal.same_password', true), '') = '') EXECUTE FUNCTION person_password_told();
